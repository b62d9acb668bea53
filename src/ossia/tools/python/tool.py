"""The ``python`` tool as the models were trained to call it: raw code, one notebook a conversation.

Knows what the model writes and reads, and when a sandbox has to be started anew; not how one works.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ossia.harmony import Namespace
from ossia.harmony import Tool as Function
from ossia.harmony.built_in import PYTHON
from ossia.tools.python import probe
from ossia.tools.python.guest.printed import shortened
from ossia.tools.python.interpreter import Interpreter, find
from ossia.tools.python.limits import MIB, Limits
from ossia.tools.python.session import Ended, Ran, Session
from ossia.tools.tool import Action, Call, Deed, Picture, Result

_PNG = b"\x89PNG\r\n\x1a\n"


class PythonTool:
    """Runs the model's code in a sandbox that lasts as long as the conversation.

    Args:
        files: what lies in its folder at first, by name.
        venv: a virtual environment whose Python and packages it uses; by default the Python that
            runs ossia, without ossia's packages.
        limits: what it may use.
        unsafe: runs the code as the user's own, with nothing between it and this machine. Whoever
            sets this has asked the user.

    Raises:
        InputError: the virtual environment does not work.
    """

    def __init__(
        self,
        files: Mapping[str, bytes] | None = None,
        venv: Path | None = None,
        limits: Limits | None = None,
        *,
        unsafe: bool = False,
    ) -> None:
        self._given = dict(files or {})
        self._interpreter: Interpreter = find(venv)
        self._limits = limits or Limits()
        self._is_unsafe = unsafe
        self._session: Session | None = None
        self._lost = ""
        self._is_closed = False
        self._lock = asyncio.Lock()

    @property
    def name(self) -> str:
        """What policies call it."""
        return "python"

    @property
    def namespaces(self) -> Sequence[Namespace]:
        """As in training, with the time that a call really has."""
        told = f"{float(self._limits.seconds)} seconds"
        return (replace(PYTHON, description=PYTHON.description.replace("120.0 seconds", told)),)

    @property
    def functions(self) -> Sequence[Function]:
        """None."""
        return ()

    def action(self, call: Call) -> Action:
        """Computing, within the sandbox; without one, a program that may do anything."""
        code = mended(call.text)
        first = next((line.strip() for line in code.splitlines() if line.strip()), "")
        summary = f"run {first[:80]}"
        if self._is_unsafe:
            return Action("python", Deed.CALL, "python", f"{summary} (no sandbox)", code)
        return Action("python", Deed.COMPUTE, "", summary, code)

    async def call(self, call: Call) -> Result:
        """Runs a cell.

        Raises:
            BackendError: nothing can protect this machine; says what helps.
        """
        async with self._lock:
            lost, self._lost = self._lost, ""
            try:
                session = await self._running()
                ran, pictures = await session.run(mended(call.text))
            except Ended:
                await self._end()
                self._lost = ""
                return Result(
                    "error: the sandbox was ended (too many files, or it broke down); variables "
                    "and files are gone, and the next call starts a new one",
                    is_error=True,
                )
            except asyncio.CancelledError:
                self._lost = "the call before this one was cancelled"
                raise
        return _result(ran, pictures, lost, self._limits)

    async def put(self, name: str, data: bytes) -> None:
        """Hands a file in, now and whenever a sandbox is started anew.

        Raises:
            InputError: the name or the size does not fit.
            BackendError: as for ``call``.
        """
        async with self._lock:
            session = await self._running()
            await session.put(name, data)
            self._given[name] = data

    async def read(self, name: str) -> bytes:
        """A file that the code wrote (``Result.details["files"]`` has the names).

        Links are not followed, whatever the code made of its folder.

        Raises:
            InputError: there is no such regular file.
            BackendError: as for ``call``.
        """
        async with self._lock:
            return await (await self._running()).get(name)

    async def protection(self) -> probe.Protection | None:
        """What protects; None where nothing does, as was asked for.

        Raises:
            BackendError: nothing can; says what helps.
        """
        if self._is_unsafe:
            return None
        async with self._lock:
            return probe.protection(await self._running())

    async def close(self) -> None:
        """Ends all that runs, and forgets variables and files; nothing is started after it."""
        self._is_closed = True
        await self._end()

    async def _end(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _running(self) -> Session:
        if self._session is not None and self._session.process.poll() is not None:
            await self._end()
        if self._session is None:
            if self._is_unsafe:
                self._session = await Session.start(self._interpreter, self._limits, None)
            else:
                self._session = await probe.start(self._interpreter, self._limits)
            if self._is_closed:  # meanwhile
                await self._end()
                raise Ended("the conversation is over")
            for name, data in self._given.items():
                await self._session.put(name, data)
        return self._session


def mended(text: str) -> str:
    """Code as it is meant: out of a fence, or of a JSON object where other tools have theirs."""
    if fenced := re.fullmatch(r"\s*```(?:python|py)?[^\S\n]*\n(.*?)\n?```\s*", text, re.DOTALL):
        return fenced[1]
    if text.lstrip().startswith("{"):
        try:
            given: Any = json.loads(text)
        except (ValueError, RecursionError):
            return text
        if isinstance(given, dict) and list(given) == ["code"] and isinstance(given["code"], str):
            return str(given["code"])
    return text


def _result(ran: Ran, pictures: bytes, lost: str, limits: Limits) -> Result:
    images = _images(ran.pictures, pictures)
    parts = [shortened(plain(each), limits.output) for each in (ran.printed, ran.shown, ran.error)]
    if images:
        parts.append(f"[{len(images)} picture{'s' * (len(images) > 1)} shown to the user]")
    if note := _note(ran, limits):
        parts.append(note)
    if lost and ran.is_new:
        parts.insert(0, f"[{lost}: earlier variables are gone, files are kept]")
    text = "\n".join(part.rstrip("\n") for part in parts if part)
    return Result(
        text or "[no output: nothing was printed, and the last line has no value]",
        is_error=ran.status != "done",
        pictures=tuple(Picture("image/png", image) for image in images),
        details={
            "status": ran.status,
            "files": [{"name": name, "size": size} for name, size in ran.files],
        },
    )


_REASONS = {
    "memory": "the code needed more than {memory:,} MiB of memory",
    "processes": "the code started more than {processes} processes or threads",
    "time": "the code ran longer than {seconds:g} seconds and could not be interrupted",
    "died": "the interpreter ended",
    "lied": "the code wrote into the connection that it is run through",
    "stopped": "the code was stopped",
}


def _note(ran: Ran, limits: Limits) -> str:
    """What the model has to know beside what its code showed."""
    if ran.status == "interrupted":
        return f"error: interrupted after {limits.seconds:g} seconds; variables and files are kept"
    if ran.status != "ended":
        return ""
    reason = _REASONS.get(ran.why or "", "the code was ended")
    told = reason.format(
        memory=limits.memory // MIB, processes=limits.processes, seconds=limits.seconds
    )
    return f"error: {told}; variables are gone, files are kept"


def _images(sizes: Sequence[int], data: bytes) -> list[bytes]:
    images = []
    for size in sizes:
        image, data = data[: max(size, 0)], data[max(size, 0) :]
        if image.startswith(_PNG):
            images.append(image)
    return images


def plain(text: str) -> str:
    """What a terminal would show at last: no colours, no lines that were written over."""
    text = re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)", "", text)
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return "".join(sign for sign in "\n".join(lines) if sign.isprintable() or sign in "\n\t")
