"""The first process of the sandbox: starts the one that runs code, limits it, speaks for it.

As process 1 of its namespace it cannot be signalled from inside, and what it does to the others is
done to all of them at once, whatever they fork meanwhile: ``kill(-1)``. Between two calls all of
them are stopped. It keeps nothing secret and decides nothing: what it says is data outside.
"""

import contextlib
import json
import os
import resource
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

from . import folder
from .cells import Notebook
from .frames import BrokenFrame, Inbox, pack
from .pictures import MAX_PICTURES
from .printed import Printed
from .watch import Watch

_MAX_PICTURES = 16 << 20
_GRACE = 2.0
"""Seconds that an interrupted cell has to come to its end."""
_PIECE = 1 << 16
_LINK = 3
"""File descriptor through which the worker gets code and gives back what it shows."""


class Warden:
    """Serves one call after the other, until whoever called is gone.

    Attributes:
        control: to the outside.
        options: ``folder``, ``spaces`` (all that is writable), ``limits``, ``is_sandboxed``,
            ``sites`` (folders of packages).
    """

    def __init__(self, control: socket.socket, options: Mapping[str, Any]) -> None:
        self.control = control
        self.options = options
        self.limits: Mapping[str, float] = options["limits"]
        self.is_sandboxed: bool = options["is_sandboxed"]
        self.worker: Worker | None = None
        self.inbox = Inbox(int(self.limits["disk"]))

    def serve(self) -> None:
        """Answers whatever is asked; returns when the other side is closed."""
        while True:
            while (asked := self.inbox.take()) is None:
                piece = self.control.recv(_PIECE)
                if not piece:
                    return
                self.inbox.feed(piece)
            fields, body = asked
            answer: tuple[dict[str, Any], bytes] | None
            try:
                answer = self._answer(fields, body)
            except OSError as error:
                answer = {"status": "refused", "why": str(error)}, b""
            if answer is not None:
                self.control.sendall(pack({**answer[0], "id": fields["id"]}, answer[1]))

    def _answer(
        self, fields: Mapping[str, Any], body: bytes
    ) -> tuple[dict[str, Any], bytes] | None:
        root = self.options["folder"]
        if fields["do"] == "run":
            return self._run(body.decode("utf-8", "replace"), fields["seconds"])
        if fields["do"] == "put":
            folder.write(root, fields["name"], body)
            return {"status": "done"}, b""
        if fields["do"] == "get":
            return {"status": "done"}, folder.read(root, fields["name"], int(self.limits["disk"]))
        return None  # a stop that came when all was over

    def _run(self, code: str, seconds: float) -> tuple[dict[str, Any], bytes]:
        before = folder.listing(self.options["folder"])
        is_new = self.worker is None
        worker = self.worker = self.worker or Worker(self)
        self._signal(signal.SIGCONT)
        try:
            report, body = Run(self, worker, code, seconds).finish()
        finally:
            self._signal(signal.SIGSTOP)
        worker.read_printed()
        if report["status"] == "ended":
            self.end_worker()
        after = folder.listing(self.options["folder"])
        changed = [[name, stamp[0]] for name, stamp in after.items() if before.get(name) != stamp]
        printed = worker.printed.take()
        return {**report, "printed": printed, "files": sorted(changed), "is_new": is_new}, body

    def end_worker(self) -> None:
        """Ends all that runs, and forgets its variables."""
        self._signal(signal.SIGKILL)
        if self.worker is not None:
            self.worker.close()
            self.worker = None

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.is_sandboxed:
                os.kill(-1, number)
            elif self.worker is not None:
                os.killpg(self.worker.pid, number)


class Worker:
    """The process that runs code, as its warden sees it."""

    def __init__(self, warden: Warden) -> None:
        self.num_cells = 0
        self.printed = Printed(int(warden.limits["output"]))
        self.link, link = socket.socketpair()
        self.output, output = os.pipe()
        os.set_blocking(self.output, False)
        self.link.setblocking(False)
        self.pid = os.fork()
        if not self.pid:
            _become_worker(link.fileno(), output, warden)
        link.close()
        os.close(output)

    def read_printed(self) -> None:
        """Takes what waits in the pipe, and no more than a pipe holds."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(16):
                piece = os.read(self.output, _PIECE)
                if not piece:
                    return
                self.printed.add(piece)

    def has_died(self) -> bool:
        """Whether it is gone; takes away those that it left behind and that ended too."""
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                if pid == self.pid:
                    return True
        return False

    def close(self) -> None:
        """After its end: takes away what is left of it and of all that it started."""
        self.link.close()
        os.close(self.output)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, 0):
                pass


class Run:
    """One cell, from the code to the report, with everything that may go wrong in between."""

    def __init__(self, warden: Warden, worker: Worker, code: str, seconds: float) -> None:
        self._warden = warden
        self._worker = worker
        worker.num_cells += 1
        asked = pack({"id": worker.num_cells}, code.encode("utf-8", "replace"))
        self._outbox = memoryview(asked)
        self._inbox = Inbox(_MAX_PICTURES)
        self._deadline = time.monotonic() + seconds
        self._is_interrupted = False
        self._why: str | None = None
        self._report: tuple[dict[str, Any], bytes] | None = None
        self._watch = Watch(warden.limits, warden.options["spaces"])

    def finish(self) -> tuple[dict[str, Any], bytes]:
        """Waits for the cell's end, or brings it about.

        Returns:
            ``status`` (done, error, interrupted, or ended with ``why``), ``shown``, ``error``,
            ``pictures`` (sizes), and the pictures one after the other.
        """
        with selectors.DefaultSelector() as selector:
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            selector.register(self._worker.link, both, self._exchange)
            selector.register(self._worker.output, selectors.EVENT_READ, self._take_printed)
            selector.register(self._warden.control, selectors.EVENT_READ, self._listen)
            while self._report is None and self._why is None:
                for key, events in selector.select(0.05):
                    key.data(events, selector)
                self._check()
        if self._report is None:
            nothing = {"shown": "", "error": "", "pictures": []}
            return {"status": "ended", "why": self._why, **nothing}, b""
        return self._report

    def _exchange(self, events: int, selector: selectors.BaseSelector) -> None:
        """Code to the worker, its report from it."""
        try:
            if events & selectors.EVENT_WRITE:
                self._outbox = self._outbox[self._worker.link.send(self._outbox) :]
                if not self._outbox:
                    selector.modify(self._worker.link, selectors.EVENT_READ, self._exchange)
            if events & selectors.EVENT_READ:
                piece = self._worker.link.recv(_PIECE)
                if not piece:
                    self._why = "died"
                    return
                self._inbox.feed(piece)
                if frame := self._inbox.take():
                    self._report = _checked(*frame, self._worker.num_cells), frame[1]
        except BlockingIOError:
            return
        except BrokenFrame:
            self._why = "lied"
        except OSError:
            self._why = "died"

    def _take_printed(self, _: int, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(BlockingIOError):
            if piece := os.read(self._worker.output, _PIECE):
                self._worker.printed.add(piece)
            else:  # the code closed it; the report is still to come
                selector.unregister(self._worker.output)

    def _listen(self, *_: object) -> None:
        """While a cell runs, the other side says one thing only: that it has to stop."""
        piece = self._warden.control.recv(_PIECE)
        if not piece:
            sys.exit()
        self._warden.inbox.feed(piece)
        self._why = "stopped"

    def _check(self) -> None:
        if self._report is not None or self._why is not None:
            return
        if self._worker.has_died():
            self._why = "died"
        elif self._warden.is_sandboxed and (excess := self._watch.excess()):
            if excess == "files":  # they would outlive the processes: all has to end
                os._exit(FULL)
            self._why = excess
        elif time.monotonic() > self._deadline:
            if self._is_interrupted:
                self._why = "time"
                return
            self._is_interrupted = True
            self._deadline += _GRACE
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._worker.pid, signal.SIGINT)


FULL = 77
"""The warden's exit status where there were too many files."""


def _checked(fields: dict[str, Any], body: bytes, asked: int) -> dict[str, Any]:
    """A report with nothing in it but what belongs there.

    Raises:
        BrokenFrame: it is none, or of another cell.
    """
    texts = {name: fields.get(name) for name in ("status", "shown", "error")}
    sizes = fields.get("pictures")
    if not (
        fields.get("id") == asked
        and all(isinstance(text, str) for text in texts.values())
        and texts["status"] in ("done", "error", "interrupted")
        and isinstance(sizes, list)
        and len(sizes) <= MAX_PICTURES
        and all(type(size) is int and size >= 0 for size in sizes)
        and sum(sizes) == len(body)
    ):
        raise BrokenFrame("no report")
    return {**texts, "pictures": sizes}


def _become_worker(link: int, output: int, warden: Warden) -> None:
    """What is left of the fork is code that the model writes: it gets no more than it needs."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2), (link, _LINK)):
            os.dup2(source, target)
        os.closerange(_LINK + 1, 4096)
        os.set_inheritable(_LINK, False)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        sys.stdout, sys.stderr = (
            os.fdopen(number, "w", 1, encoding="utf-8", errors="replace", closefd=False)
            for number in (1, 2)
        )
        _limit(warden)
        _serve_cells(socket.socket(fileno=_LINK), int(warden.limits["disk"]))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _limit(warden: Warden) -> None:
    limits = warden.limits
    if warden.is_sandboxed:
        from .process import set_dumpable

        set_dumpable(True)  # it may look at itself; the warden stays closed
        _set(resource.RLIMIT_NPROC, int(limits["processes"]))
    os.nice(19)
    if sys.platform == "linux":
        _set(resource.RLIMIT_AS, int(limits["memory"]))
        _set(resource.RLIMIT_MSGQUEUE, 0)
        _set(resource.RLIMIT_MEMLOCK, 1 << 20)
    _set(resource.RLIMIT_FSIZE, int(limits["disk"]))
    _set(resource.RLIMIT_NOFILE, 256)
    _set(resource.RLIMIT_CORE, 0)


def _set(kind: int, figure: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        figure = min(figure, hard)
    resource.setrlimit(kind, (figure, figure))


def _serve_cells(link: socket.socket, max_code: int) -> None:
    sys.argv = [""]
    notebook = Notebook()
    worker = os.getpid()
    inbox = Inbox(max_code)
    while True:
        while (asked := inbox.take()) is None:
            inbox.feed(link.recv(_PIECE))
        report, pictures = notebook.run(asked[1].decode())
        if os.getpid() != worker:  # a fork that came to the cell's end: nobody asked it
            os._exit(0)
        shown = pictures[:MAX_PICTURES]
        while sum(map(len, shown)) > _MAX_PICTURES:
            shown.pop()
        fields = {**report, "id": asked[0]["id"]}
        link.sendall(pack({**fields, "pictures": list(map(len, shown))}, b"".join(shown)))


def main() -> None:
    """Reads ``sys.argv``: the file descriptor to the outside, and the options as JSON."""
    control = socket.socket(fileno=int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hello: dict[str, Any] = {"status": "done", "id": 0, "python": sys.version.split()[0]}
    if options["is_sandboxed"]:
        from .process import protect, seen

        hello["landlock"] = protect(options["spaces"])
        hello |= seen()
    for site in options["sites"]:
        import site as sites

        sites.addsitedir(site)
    control.sendall(pack(hello))
    with contextlib.suppress(ConnectionError, BrokenFrame):
        Warden(control, options).serve()
