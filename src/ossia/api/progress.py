"""How far something is, for whoever watches: on a terminal, or in a notebook's cell."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def is_watched() -> bool:
    """Whether somebody sees what is written now."""
    return is_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def is_notebook() -> bool:
    """Whether this is a cell of a notebook. Nothing is imported to find out."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def tell(what: str, done: int, total: int) -> None:
    """Writes one line over the last one."""
    share, end = 100 * done // max(total, 1), "\n" if done >= total else ""
    sys.stderr.write(f"\r{what}: {share}%{end}")
    sys.stderr.flush()


@contextmanager
def counted(what: str, total: int, is_shown: bool | None) -> Iterator[Callable[[], None]]:
    """Gives what is to be called once for each that is done.

    Args:
        is_shown: None is where somebody watches.
    """
    if not total or not (is_watched() if is_shown is None else is_shown):
        yield lambda: None
    elif is_notebook():  # where rich has no bar without widgets
        yield _counter(what, total)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)


def _counter(what: str, total: int) -> Callable[[], None]:
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        tell(f"{what} {done} of {total}", done, total)

    return count
