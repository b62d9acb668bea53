"""One sandbox from its start to its end, as the rest of ossia sees it: questions and answers.

Knows the process, the socket to its warden, and when to give up on it. What comes from there is
data of somebody who may lie: frames of bounded length, checked field by field, awaited for a
bounded time. Not bound to an event loop: a conversation may go on in another.
"""

import asyncio
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import IO, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ossia.base.errors import BackendError, InputError, OssiaError
from ossia.tools.python import sandbox, seccomp
from ossia.tools.python.guest.frames import BrokenFrame, Inbox, pack
from ossia.tools.python.interpreter import Interpreter
from ossia.tools.python.limits import Limits

_START = 60.0
_PATIENCE = 15.0
"""Seconds beyond those that the warden itself counts, after which it is given up."""
_STOP = 3.0
_PIECE = 1 << 18
_MAX_PICTURES = 16 << 20

_BEGIN = """
import sys
sys.path.insert(0, {root!r})
from guest.warden import main
del sys.path[0]
main()
"""

# What bubblewrap starts dies with the thread that started it: this one lives as long as ossia.
_starter = ThreadPoolExecutor(1, "sandbox")


class Ended(OssiaError):  # noqa: N818 - what it is, not what is done about it
    """The sandbox is gone, with all that it held."""


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    id: int
    status: str
    why: str | None = None


class Hello(_Answer):
    """What the warden says first: how it stands by its own eyes."""

    python: str
    landlock: int = 0
    seccomp: int = 0
    pid: int = 0
    has_capabilities: bool = True
    can_gain_privileges: bool = True
    networks: list[str] = []


class Ran(_Answer):
    """What became of a cell: ``status`` is done, error, interrupted, or ended with ``why``."""

    shown: str
    error: str
    printed: str
    files: list[Annotated[tuple[str, int], Field(strict=False)]]
    pictures: list[int]
    is_new: bool


_Checked = TypeVar("_Checked", bound=_Answer)


@dataclass(eq=False)
class Session:
    """A sandbox that runs.

    Attributes:
        process: bubblewrap's, or where nothing protects the interpreter's own.
        hello: what it said of itself.
        folder: on this machine, where nothing protects.
    """

    process: subprocess.Popen[bytes]
    control: socket.socket
    errors: IO[bytes]
    limits: Limits
    folder: tempfile.TemporaryDirectory[str] | None = None
    hello: Hello | None = None

    def __post_init__(self) -> None:
        self._inbox = Inbox(_MAX_PICTURES)
        self._num_asked = 0

    @classmethod
    async def start(
        cls, interpreter: Interpreter, limits: Limits, program: str | None
    ) -> "Session":
        """Starts a sandbox, or with no ``program`` (bubblewrap) the bare interpreter.

        Raises:
            BackendError: it does not start; says what it complained of.
        """
        starting = _starter.submit(_started, interpreter, limits, program)
        try:
            session = await asyncio.shield(asyncio.wrap_future(starting))
        except asyncio.CancelledError:
            starting.add_done_callback(_unwanted)
            raise
        try:
            fields, _ = await session._receive(_START)
            session.hello = session._checked(Hello, fields)
        except Ended as error:
            complaint = await asyncio.to_thread(session._complaint)
            await session.close()
            raise BackendError(complaint or "python did not start in its sandbox") from error
        except BaseException:
            await session.close()
            raise
        return session

    async def run(self, code: str) -> tuple[Ran, bytes]:
        """Runs a cell; its pictures come one after the other in the bytes.

        When the task is cancelled, the cell is ended before this returns.

        Raises:
            Ended: the sandbox broke down.
        """
        seconds = self.limits.seconds
        asked = await self._send({"do": "run", "seconds": seconds}, code.encode("utf-8", "replace"))
        try:
            answer = await self._awaited(asked, seconds + _PATIENCE)
        except asyncio.CancelledError:
            await self._stop(asked)
            raise
        return self._checked(Ran, answer[0]), answer[1]

    async def put(self, name: str, data: bytes) -> None:
        """Writes a file into its folder.

        Raises:
            InputError: the name or the size does not fit.
            Ended: the sandbox broke down.
        """
        if len(data) > self.limits.disk:
            raise InputError(f"{name!r} has {len(data)} bytes; python's folder {self.limits.disk}")
        await self._ask({"do": "put", "name": name}, data, 0)

    async def get(self, name: str) -> bytes:
        """A regular file of its folder, reached without following a link.

        Raises:
            InputError: there is no such file.
            Ended: the sandbox broke down.
        """
        return await self._ask({"do": "get", "name": name}, b"", self.limits.disk)

    def end(self) -> None:
        """Ends all that runs in it, at once."""
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)  # the warden ends when nobody listens to it
        self.process.kill()

    async def close(self) -> None:
        """The same, and waits until it is gone."""
        self.end()
        try:
            await asyncio.shield(asyncio.to_thread(self._clean))
        finally:
            # Not before: who waits for an answer has to see the end, and would not at a closed one.
            self.control.close()

    def _complaint(self) -> str:
        """The last line that was written about a start that failed."""
        self.end()
        self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def _clean(self) -> None:
        self.process.wait()
        self.errors.close()
        if self.folder is not None:
            self.folder.cleanup()

    async def _ask(self, fields: Mapping[str, Any], body: bytes, max_body: int) -> bytes:
        self._inbox.max_body = max_body
        try:
            asked = await self._send(fields, body)
            answer, data = await self._awaited(asked, _PATIENCE)
        except asyncio.CancelledError:
            self.end()
            raise
        finally:
            self._inbox.max_body = _MAX_PICTURES
        checked = self._checked(_Answer, answer)
        if checked.status != "done":
            raise InputError(f"python's folder: {(checked.why or 'no reason')[:200]!r}")
        return data

    async def _send(self, fields: Mapping[str, Any], body: bytes) -> int:
        self._num_asked += 1
        frame = pack({**fields, "id": self._num_asked}, body)
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.get_running_loop().sock_sendall(self.control, frame)
        except (OSError, TimeoutError) as error:
            self.end()
            raise Ended("python's sandbox has ended") from error
        except asyncio.CancelledError:  # half of a question cannot be taken back
            self.end()
            raise
        return self._num_asked

    async def _awaited(self, asked: int, seconds: float) -> tuple[dict[str, Any], bytes]:
        """The answer to a question."""
        while True:
            answer = await self._receive(seconds)
            if self._checked(_Answer, answer[0]).id == asked:
                return answer

    async def _receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        try:
            async with asyncio.timeout(seconds):
                while (frame := self._inbox.take()) is None:
                    piece = await asyncio.get_running_loop().sock_recv(self.control, _PIECE)
                    if not piece:
                        raise ConnectionError
                    self._inbox.feed(piece)
                return frame
        except (OSError, TimeoutError, BrokenFrame) as error:
            self.end()
            raise Ended("python's sandbox has ended, or does not answer") from error

    async def _stop(self, asked: int) -> None:
        """Ends the cell under way and keeps the files; or ends all, where that takes too long."""
        try:
            await self._send({"do": "stop"}, b"")
            await self._awaited(asked, _STOP)
        except Ended:
            return
        except asyncio.CancelledError:
            self.end()
            raise

    def _checked(self, kind: type[_Checked], fields: dict[str, Any]) -> _Checked:
        try:
            return kind.model_validate(fields)
        except ValidationError as error:
            self.end()
            raise Ended("python's sandbox does not keep to its protocol") from error


def _unwanted(starting: Future[Session]) -> None:
    if not starting.exception():
        starting.result().end()
        starting.result()._clean()
        starting.result().control.close()


def _started(interpreter: Interpreter, limits: Limits, program: str | None) -> Session:
    """The process and our end of its socket; runs in the thread that it lives with."""
    folder = None if program else tempfile.TemporaryDirectory(prefix="ossia-python-")
    environment = dict(sandbox.ENVIRONMENT)
    if folder is not None:
        environment |= dict.fromkeys(("HOME", "PWD", "TMPDIR"), folder.name)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - the session's, until it is closed
    with theirs, tempfile.TemporaryFile() as file, _on_few_processors(limits.processors):
        start: list[str] = []
        if program is not None:
            filter_ = seccomp.program(platform.machine())
            file.write(filter_ or b"")
            file.seek(0)
            start = sandbox.command(
                program, interpreter, limits, None if filter_ is None else file.fileno()
            )
        process = subprocess.Popen(
            [
                *start,
                *_guest(interpreter, limits, theirs.fileno(), folder.name if folder else None),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=(theirs.fileno(), file.fileno()),
            env=environment,
            cwd="/" if folder is None else folder.name,
        )
    return Session(process, ours, errors, limits, folder)


def _guest(
    interpreter: Interpreter, limits: Limits, control: int, folder: str | None
) -> Sequence[str]:
    """The interpreter's part of the command line: isolated, then the warden."""
    options = {
        "folder": folder or sandbox.FOLDER,
        "spaces": [folder] if folder else sandbox.SPACES,
        "limits": asdict(limits),
        "is_sandboxed": folder is None,
        "sites": list(map(str, interpreter.sites)),
    }
    root = sandbox.ROOT if folder is None else str(sandbox.GUEST.parent)
    return [
        *(str(interpreter.executable), "-I", "-B", "-X", "utf8"),
        *(["-S"] if interpreter.sites else []),
        *("-c", _BEGIN.format(root=root), str(control), json.dumps(options)),
    ]


@contextlib.contextmanager
def _on_few_processors(most: int) -> Iterator[None]:
    """What this thread starts meanwhile keeps to the last of its processors."""
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-most:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
