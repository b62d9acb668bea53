"""The models of a server: loaded when they are asked for, kept for a while, let go for others.

Knows names, memory and time; does not know what is asked. A name that clients send is looked up
among the names of this machine and those that the server was started with, never as a path.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ossia import hub
from ossia.base.errors import InputError, ResourceError
from ossia.base.memory import fits_memory
from ossia.chat import ChatModel
from ossia.hub import store
from ossia.hub.names import is_path
from ossia.hub.personas import personas
from ossia.server.errors import RequestError

KEEP_ALIVE = 300.0
"""Seconds that a model stays when nobody uses it."""

_log = logging.getLogger("ossia.server")


@dataclass(eq=False)
class _Entry:
    """One model, loaded or on its way."""

    path: Path
    name: str
    keep_alive: float
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    model: ChatModel | None = None
    num_leases: int = 0
    last_used: float = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether it is loaded and nobody uses it."""
        return self.model is not None and self.num_leases == 0 and not self.turn.locked()

    @property
    def expires(self) -> float:
        """When it is let go, by the monotonic clock."""
        return self.last_used + self.keep_alive if self.is_idle else math.inf


@dataclass(frozen=True)
class Loaded:
    """A model in memory, for whoever wants to see.

    Attributes:
        num_bytes: of its files.
        num_requests: that use it now.
        seconds_left: until it is let go if nobody asks; infinity is for ever.
    """

    name: str
    num_bytes: int
    context: int
    num_requests: int
    seconds_left: float
    holding: str


class LocalModels:
    """Models of this machine in this process.

    Args:
        names: that clients may use, and what each stands for; paths are allowed here alone.
        keep_alive: seconds that a model stays when nobody uses it; below zero is for ever.
        context, backend: see ``ChatModel.load``.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        *,
        keep_alive: float = KEEP_ALIVE,
        context: int | None = None,
        backend: str | None = None,
    ) -> None:
        self._names = dict(names)
        self._keep_alive = math.inf if keep_alive < 0 else keep_alive
        self._context, self._backend = context, backend
        self._entries: dict[Path, _Entry] = {}
        self._loading = asyncio.Lock()  # one at a time: each needs to know what memory is free

    def names(self) -> list[str]:
        """All that can be asked for without a download."""
        known = {*self._names, *hub.EMBEDDED}
        known.update(
            str(name) for name, found in store.manifests() if not isinstance(found, InputError)
        )
        known.update(str(name) for name, _ in personas())
        return sorted(known)

    def meaning(self, name: str) -> str | None:
        """What a name stands for that the server was started with; None for others."""
        return self._names.get(name)

    def check(self, name: str) -> None:
        """Whether there is such a model.

        Raises:
            InputError: there is none.
        """
        try:
            self._path(name)
        except RequestError as error:
            raise InputError(error.message) from None

    def loaded(self) -> list[Loaded]:
        """Those in memory."""
        now = time.monotonic()
        return [
            Loaded(
                entry.name,
                sum(path.stat().st_size for path in entry.model.source.files),
                entry.model.context,
                entry.num_leases,
                max(0.0, entry.expires - now),
                entry.model.holding,
            )
            for entry in self._entries.values()
            if entry.model is not None
        ]

    def in_memory(self) -> list[tuple[str, ChatModel]]:
        """The loaded models by name."""
        entries = self._entries.values()
        return [(entry.name, entry.model) for entry in entries if entry.model is not None]

    @asynccontextmanager
    async def lease(self, name: str, keep_alive: float | None = None) -> AsyncIterator[ChatModel]:
        """A model, loaded if need be, that stays as long as it is used.

        Args:
            keep_alive: seconds that it stays from now on when nobody uses it, in place of what is
                usual.

        Raises:
            RequestError: there is none of that name.
            OssiaError: it cannot be loaded.
        """
        entry = self._entry(name)
        if keep_alive is not None:
            entry.keep_alive = math.inf if keep_alive < 0 else keep_alive
        entry.num_leases += 1
        try:
            async with entry.turn:
                if entry.model is None:
                    entry.model = await self._load(entry)
            yield entry.model
        finally:
            entry.num_leases -= 1
            entry.last_used = time.monotonic()

    async def unload(self, name: str) -> bool:
        """Lets a model go that nobody uses; False where somebody does, or it is not loaded."""
        entry = self._entry(name)
        if not entry.is_idle:
            return False
        await self._let_go(entry)
        return True

    async def keep_watch(self) -> None:
        """Lets models go whose time is over; runs until it is cancelled."""
        while True:
            now = time.monotonic()
            for entry in list(self._entries.values()):
                if entry.expires <= now:
                    await self._let_go(entry)
            next_end = min((entry.expires for entry in self._entries.values()), default=now + 1)
            await asyncio.sleep(min(max(next_end - now, 0.05), 1.0))

    async def aclose(self, timeout: float) -> None:
        """Ends all; answers under way may go on for ``timeout`` seconds."""
        loaded = [entry.model for entry in self._entries.values() if entry.model is not None]
        await asyncio.gather(*(model.aclose(timeout) for model in loaded))

    def _entry(self, name: str) -> _Entry:
        path = self._path(name)
        return self._entries.setdefault(path, _Entry(path, name, self._keep_alive))

    def _path(self, name: str) -> Path:
        meant = self._names.get(name)
        if meant is None and (is_path(name) or len(name) > 200):
            raise _unknown(name, "a path is no name; name models when the server is started")
        try:
            found = hub.find(meant or name)
        except InputError as error:
            raise _unknown(name, str(error)) from None
        if meant is None and found.place is hub.Place.DISK and found.own is None:
            raise _unknown(name, "it is a file here and has no name; see ossia import")
        return found.path

    async def _load(self, entry: _Entry) -> ChatModel:
        async with self._loading:
            await self._make_room(entry)
            _log.info("loading %s", entry.name)
            start = time.monotonic()
            model = await asyncio.to_thread(
                ChatModel.load, str(entry.path), backend=self._backend, context=self._context
            )
            _log.info(
                "loaded %s in %.1f s: %s", entry.name, time.monotonic() - start, model.holding
            )
            return model

    async def _make_room(self, entry: _Entry) -> None:
        """Lets the least recently used go until the newcomer fits beside the others."""
        while True:
            others = [each for each in self._entries.values() if each.model is not None]
            needed = sum(map(_num_bytes, [entry, *others]))
            if not others or fits_memory(needed):
                return
            idle = [each for each in others if each.is_idle]
            if not idle:
                raise ResourceError(
                    f"{entry.name} does not fit in memory beside the models that answer now; "
                    "try again in a while"
                )
            await self._let_go(min(idle, key=lambda each: each.last_used))

    async def _let_go(self, entry: _Entry) -> None:
        async with entry.turn:
            if (model := entry.model) is None or entry.num_leases:
                return
            entry.model = None
            with contextlib.suppress(KeyError):
                del self._entries[entry.path]
            await model.aclose()
            _log.info("let %s go", entry.name)


def _num_bytes(entry: _Entry) -> int:
    """What a model takes of memory, about: its own files, not what was packed from them."""
    if entry.path.is_file():
        return entry.path.stat().st_size
    return sum(path.stat().st_size for path in entry.path.iterdir() if path.is_file())


def _unknown(name: str, why: str) -> RequestError:
    return RequestError(404, f"no model {name!r:.80}: {why}", "model_not_found", "model")
