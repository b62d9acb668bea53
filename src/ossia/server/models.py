"""The models of a server: loaded when they are asked for, kept for a while, let go for others.

Knows names, memory and time; does not know what is asked. A name that clients send is looked up
among the names of this machine and those that the server was started with, never as a path.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ossia import hub
from ossia.base.errors import InputError, OssiaError, ResourceError
from ossia.base.memory import fits_memory
from ossia.chat import ChatModel
from ossia.checkpoint import Progress
from ossia.hub import store
from ossia.hub.names import is_path
from ossia.hub.personas import personas
from ossia.server.errors import RequestError

KEEP_ALIVE = 300.0
"""Seconds that a model stays when nobody uses it."""

_LENGTH = 8192
"""Tokens of a conversation that is neither short nor long."""

_WORTH_TELLING = 1 << 30
"""Bytes of weights that take a while to pack."""

_log = logging.getLogger("ossia.server")


@dataclass(eq=False)
class _Entry:
    """One model, loaded or on its way."""

    path: Path
    name: str
    keep_alive: float
    loading: "asyncio.Task[None] | None" = None
    model: ChatModel | None = None
    num_leases: int = 0
    last_used: float = 0.0
    num_packed: int = 0  # bytes of weights, of so many:
    num_to_pack: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether it is loaded and nobody uses it."""
        return self.model is not None and self.num_leases == 0

    @property
    def num_bytes(self) -> int:
        """What it takes of memory, about: its files, not what was packed from them, and its KV."""
        is_file = self.path.is_file()
        files = [self.path] if is_file else [path for path in self.path.iterdir() if path.is_file()]
        kv_bytes = self.model.service.engine.plan.kv_bytes if self.model is not None else 0
        return sum(path.stat().st_size for path in files) + kv_bytes

    @property
    def expires(self) -> float:
        """When it is let go, by the monotonic clock."""
        return self.last_used + self.keep_alive if self.is_idle else math.inf


@dataclass(frozen=True)
class Loaded:
    """A model in memory, for whoever wants to see.

    Attributes:
        num_bytes: of its files.
        kv_bytes: that its conversations may take.
        num_requests: that use it now.
        seconds_left: until it is let go if nobody asks; infinity is for ever.
    """

    name: str
    num_bytes: int
    kv_bytes: int
    context: int
    num_requests: int
    seconds_left: float
    holding: str


@dataclass(frozen=True)
class Loading:
    """A model on its way into memory.

    Attributes:
        share: of its weights that are packed, from 0 to 1; None where nothing is to be packed.
    """

    name: str
    share: float | None


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
        self._turn = asyncio.Lock()  # one loads at a time: each needs to know what memory is free
        self._is_closed = False

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
            self.find(name)
        except RequestError as error:
            raise InputError(error.message) from None

    def loaded(self) -> list[Loaded]:
        """Those in memory."""
        now = time.monotonic()
        return [
            Loaded(
                entry.name,
                sum(path.stat().st_size for path in entry.model.source.files),
                entry.model.service.engine.plan.kv_bytes,
                entry.model.context,
                entry.num_leases,
                max(0.0, entry.expires - now),
                entry.model.holding,
            )
            for entry in self._entries.values()
            if entry.model is not None
        ]

    def name_of(self, model: ChatModel) -> str:
        """What a loaded model is called."""
        return next((name for name, other in self.in_memory() if other is model), "")

    def loading(self) -> list[Loading]:
        """Those on their way."""
        return [
            Loading(entry.name, entry.num_packed / entry.num_to_pack if entry.num_to_pack else None)
            for entry in self._entries.values()
            if entry.loading is not None
        ]

    def packed(self, name: str) -> tuple[int, int]:
        """Bytes of a model's weights that are packed, and of those to be, while it is loaded."""
        entry = self._entries.get(self.find(name))
        return (0, 0) if entry is None else (entry.num_packed, entry.num_to_pack)

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
            if entry.model is None:
                if entry.loading is None:
                    entry.loading = asyncio.create_task(self._load(entry))
                    entry.loading.add_done_callback(_hear)
                await asyncio.shield(entry.loading)  # who does not wait leaves it to the others
            assert entry.model is not None
            yield entry.model
        finally:
            entry.num_leases -= 1
            entry.last_used = time.monotonic()

    def is_used(self, name: str) -> bool:
        """Whether somebody has a lease of it.

        Raises:
            RequestError: there is none of that name.
        """
        entry = self._entries.get(self.find(name))
        return entry is not None and entry.num_leases > 0

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
        self._is_closed = True
        await asyncio.gather(
            *(entry.loading for entry in self._entries.values() if entry.loading is not None),
            return_exceptions=True,
        )
        loaded = [entry.model for entry in self._entries.values() if entry.model is not None]
        await asyncio.gather(*(model.aclose(timeout) for model in loaded))

    def _entry(self, name: str) -> _Entry:
        path = self.find(name)
        return self._entries.setdefault(path, _Entry(path, name, self._keep_alive))

    def find(self, name: str) -> Path:
        """Where a model is.

        Raises:
            RequestError: there is none of that name that clients may use.
        """
        meant = self._names.get(name)
        if meant is None and (is_path(name) or len(name) > 200):
            raise _unknown(name, "a path is no name; name models when the server is started")
        try:
            found = hub.find(meant or name)
        except InputError as error:
            told = str(error).removeprefix(f"no model {(meant or name)!r:.200}: ")
            raise _unknown(name, told) from None
        if meant is None and found.place is hub.Place.DISK and found.own is None:
            raise _unknown(name, "it is a file here and has no name; see ossia import")
        return found.path

    async def _load(self, entry: _Entry) -> None:
        try:
            async with self._turn:
                self._check_open()
                _log.info("loading %s", entry.name)
                start = time.monotonic()
                entry.model = await self._loaded(entry)
                seconds = time.monotonic() - start
                _log.info("loaded %s in %.1f s: %s", entry.name, seconds, _told(entry.model))
        finally:
            entry.loading, entry.num_to_pack = None, 0
            entry.last_used = time.monotonic()

    async def _loaded(self, entry: _Entry) -> ChatModel:
        """A model, once there is room for it.

        Raises:
            OssiaError: it cannot be loaded.
        """
        while True:
            while not self._has_room(entry):
                await self._let_least_go(entry)
            try:
                return await asyncio.to_thread(
                    ChatModel.load,
                    str(entry.path),
                    backend=self._backend,
                    context=self._context,
                    packing=self._packing(entry),
                )
            except ResourceError:
                if not any(each.is_idle for each in self._entries.values()):
                    raise
                await self._let_least_go(entry)  # it takes more than was thought

    def _packing(self, entry: _Entry) -> Progress:
        """Tells how far it is, and ends it with the server."""

        def packing(num_done: int, num_bytes: int) -> None:
            self._check_open()
            tenth = 10 * num_done // max(num_bytes, 1)
            if tenth > 10 * entry.num_packed // max(num_bytes, 1) and num_bytes > _WORTH_TELLING:
                _log.info("packing %s: %d %%", entry.name, 10 * tenth)
            entry.num_packed, entry.num_to_pack = num_done, num_bytes

        return packing

    def _check_open(self) -> None:
        if self._is_closed:
            raise OssiaError("the server ends and loads no more models")

    def _has_room(self, entry: _Entry) -> bool:
        others = [each for each in self._entries.values() if each.model is not None]
        return not others or fits_memory(sum(each.num_bytes for each in [entry, *others]))

    async def _let_least_go(self, entry: _Entry) -> None:
        """Lets the least recently used go.

        Raises:
            ResourceError: all are used.
        """
        idle = [each for each in self._entries.values() if each.is_idle]
        if not idle:
            raise ResourceError(
                f"{entry.name} does not fit in memory beside the models that answer now; "
                "try again in a while"
            )
        await self._let_go(min(idle, key=lambda each: each.last_used))

    async def _let_go(self, entry: _Entry) -> None:
        model = entry.model
        if model is None or not entry.is_idle:
            return
        # Whoever asks from here on finds no entry, and loads it anew.
        entry.model = None
        del self._entries[entry.path]
        await model.aclose()
        _log.info("let %s go", entry.name)


def _hear(loading: "asyncio.Task[None]") -> None:
    """Logs what failed, for those who asked may be gone."""
    error = None if loading.cancelled() else loading.exception()
    if isinstance(error, OssiaError):
        _log.warning("loading failed: %s", error)
    elif error is not None:
        _log.error("loading failed", exc_info=error)


def _told(model: ChatModel) -> str:
    """What memory a model has, in words for the log."""
    plan, window = model.service.engine.plan, model.config.window
    lengths = dict.fromkeys([min(_LENGTH, plan.context), plan.context])
    room = " or ".join(f"{plan.num_conversations(n, window)} of {n:,}" for n in lengths)
    return (
        f"{model.holding}; KV cache {plan.kv_bytes / 1e9:.1f} GB for {plan.num_tokens:,} tokens, "
        f"such as of conversations {room}"
    )


def _unknown(name: str, why: str) -> RequestError:
    return RequestError(404, f"no model {name!r:.80}: {why}", "model_not_found", "model")
