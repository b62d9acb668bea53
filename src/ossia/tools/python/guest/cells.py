"""Runs code cell by cell, as a notebook does, in the process whose memory the variables are.

Knows Python and what a notebook shows; nothing here protects: whatever it says may be a lie of the
code that it runs. What is printed goes straight to file descriptors 1 and 2.
"""

import ast
import asyncio
import inspect
import linecache
import re
import signal
import sys
import types
import warnings
from typing import Any

from .pictures import of_figures, of_value
from .printed import shortened

_MAX_TEXT = 200_000
"""Characters of a shown value, and of an error."""


class Notebook:
    """Variables, and cells that share them."""

    def __init__(self) -> None:
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module  # what a cell defines can be pickled by its name
        self._names: dict[str, Any] = module.__dict__
        self._names["display"] = self._display
        self._num_cells = 0
        self._pictures: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_running = False
        signal.signal(signal.SIGINT, self._interrupted)
        warnings.filterwarnings("ignore", message=".*non-interactive.*")  # of Agg's show()

    def run(self, code: str) -> tuple[dict[str, str], list[bytes]]:
        """Runs a cell.

        Returns:
            What became of it (``status``, ``shown``, ``error``), and PNG files.
        """
        self._num_cells += 1
        self._pictures = []
        shown = error = ""
        status = "done"
        try:
            self.is_running = True
            shown = self._shown(self._executed(code, f"<cell {self._num_cells}>"))
            self._pictures += of_figures()
        except KeyboardInterrupt:
            status = "interrupted"
        except SystemExit as ending:
            shown = f"SystemExit: {ending}"
        except BaseException as problem:
            status, error = "error", _explained(problem)
        finally:
            self.is_running = False
        self._flush()
        return {
            "status": status,
            "shown": shortened(shown, _MAX_TEXT),
            "error": error,
        }, self._pictures

    def _executed(self, code: str, name: str) -> Any:
        """The value of the last expression, unless a semicolon hides it."""
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        tree = _parsed(code, name)
        last: ast.Expression | None = None
        final = tree.body[-1] if tree.body else None
        if isinstance(final, ast.Expr) and not code.rstrip().endswith(";"):
            tree.body.pop()
            last = ast.Expression(final.value)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._awaited(eval(compile(tree, name, "exec", flags, True), self._names))
        if last is None:
            return None
        return self._awaited(eval(compile(last, name, "eval", flags, True), self._names))

    def _awaited(self, value: Any) -> Any:
        """A cell with ``await`` at its top is a coroutine, which runs to its end here."""
        if not inspect.iscoroutine(value):
            return value
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(value)

    def _shown(self, value: Any) -> str:
        if value is None:
            return ""
        self._names["_"] = value
        picture = of_value(value)
        if picture is None:
            return repr(value)
        self._pictures.append(picture)
        return ""

    def _display(self, *values: Any) -> None:
        for value in values:
            if text := self._shown(value):
                print(text)  # noqa: T201

    def _interrupted(self, *_: object) -> None:
        if self.is_running:
            raise KeyboardInterrupt

    def _flush(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # the code may have closed or replaced it
                continue


def _parsed(code: str, name: str) -> ast.Module:
    try:
        return ast.parse(code, name)
    except SyntaxError:
        plain = _without_magic(code)
        if plain == code:
            raise
        return ast.parse(plain, name)


def _without_magic(code: str) -> str:
    """Lines that only a notebook reads: ``%`` is left out, ``!`` is given to the shell."""
    code = re.sub(r"^(\s*)%.*$", r"\1pass", code, flags=re.MULTILINE)
    return re.sub(
        r"^(\s*)!(.*)$",
        lambda found: f"{found[1]}__import__('subprocess').run({found[2]!r}, shell=True);",
        code,
        flags=re.MULTILINE,
    )


def _explained(problem: BaseException) -> str:
    """A traceback of the model's own lines, and the last one of the library that raised."""
    import traceback

    try:
        report = traceback.TracebackException.from_exception(problem, limit=-40)
        for each in _chain(report):
            own = [frame for frame in each.stack if frame.filename.startswith("<cell ")]
            rest = [frame for frame in each.stack if frame.filename != __file__]
            last = rest[-1:] if rest and rest[-1] not in own else []
            each.stack = traceback.StackSummary.from_list([*own[-8:], *last])
        return shortened("".join(report.format()).strip(), _MAX_TEXT)
    except BaseException:  # an exception whose own methods fail
        return type(problem).__name__


def _chain(report: Any) -> list[Any]:
    found: list[Any] = []
    waiting = [report]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in found:
            found.append(each)
            waiting += [each.__cause__, each.__context__]
    return found
