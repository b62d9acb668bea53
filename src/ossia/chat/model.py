"""A model that one can talk to: checkpoint, tokenizer, backend and engine put together."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, fields
from functools import cached_property
from types import TracebackType
from typing import Self

from ossia import hub
from ossia.base import settings as environment
from ossia.base.errors import OssiaError
from ossia.base.version import VERSION
from ossia.chat.constraint import AnswerConstraint
from ossia.chat.demands import Demands, rules_of
from ossia.chat.events import Event, Failed
from ossia.chat.respond import arespond, respond
from ossia.chat.structured import Grammars
from ossia.checkpoint import Progress, Source, open_checkpoint
from ossia.checkpoint.packed import fingerprint
from ossia.checkpoint.stored import silent
from ossia.engine import Engine, Request, Sampling, Service
from ossia.engine.constraint import Constraint
from ossia.engine.disk_cache import DiskCache
from ossia.engine.memory import check_context, default_context, default_kv_bytes
from ossia.harmony import Message, check_vocabulary, render, stop_token_ids
from ossia.harmony.envelope import Envelope
from ossia.harmony.special import START
from ossia.model import Config, prepare_params
from ossia.ops.select import Backend, select_backend
from ossia.tokenizer import Tokenizer, load_tokenizer

_WORTH_DISK = 1 << 30
"""Bytes of weights below which a conversation is computed about as fast as it is read."""


@dataclass(frozen=True)
class Settings:
    """How one answer is made; see ``engine.Sampling`` for the ranges.

    Attributes:
        seed: None draws one, which ``Done`` reports.
        max_tokens: reasoning included; None is up to the context.
        num_logprobs: likeliest tokens that come with each token of ``Text``, 0 for its own only;
            None is off.

    Raises:
        InputError: a value is out of its range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    max_tokens: int | None = None
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    num_logprobs: int | None = None

    def __post_init__(self) -> None:
        Request(
            (0,),
            self.sampling(seed=self.seed or 0),
            max_tokens=self.max_tokens,
            num_logprobs=self.num_logprobs,
        )

    def sampling(self, seed: int) -> Sampling:
        """How the engine is to choose tokens, with a seed that is drawn already."""
        names = {field.name for field in fields(Sampling)} - {"seed"}
        return Sampling(seed=seed, **{name: getattr(self, name) for name in names})


FOR_PROGRAMS = frozenset(["logit_bias", "num_logprobs"])
"""Settings that programs make and nobody types."""


@dataclass(frozen=True)
class Terms:
    """On what terms a request is served beside others; see ``engine.Request``.

    Attributes:
        client: whose it is; clients that wait get equal shares.
        priority: higher ones go first.
        timeout: seconds after which the answer ends where it is; None is never.
        name: what whoever looks into the engine knows it by.

    Raises:
        InputError: the timeout is not above 0.
    """

    client: str = ""
    priority: int = 0
    timeout: float | None = None
    name: str = ""

    def __post_init__(self) -> None:
        Request((0,), timeout=self.timeout)


@dataclass(frozen=True, eq=False)
class ChatModel:
    """A loaded model: one checkpoint with its vocabulary, on one backend.

    Any number of threads and event loops may ask it at the same time.

    Attributes:
        service: its engine, with the thread that runs it.
        holding: how its weights are held, in words for the user.
    """

    source: Source
    config: Config
    tokenizer: Tokenizer
    backend: Backend
    service: Service
    holding: str

    @property
    def context(self) -> int:
        """Tokens, prompt and answer together, that a conversation may grow to."""
        return self.service.engine.context

    @classmethod
    def load(
        cls,
        name: str,
        *,
        backend: str | None = None,
        context: int | None = None,
        packing: Progress = silent,
    ) -> "ChatModel":
        """Opens a model by name or path; weights are mapped, and where it pays packed once.

        Args:
            backend: see ``ops.select``.
            context: tokens to make room for; see ``engine.memory.default_context`` for None.
            packing: told bytes of weights packed and in all, while that goes on.

        Raises:
            OssiaError: the model, its vocabulary, the backend or the context cannot be had.
        """
        source = open_checkpoint(hub.resolve(name))
        config = Config.from_mapping(source.config)
        files = source.tokenizer
        tokenizer = load_tokenizer(json=files.json, ranks=files.ranks, gguf=files.gguf)
        check_vocabulary(tokenizer)
        selected = select_backend(backend)
        weight_bytes = sum(info.nbytes for info in source.tensors.values())
        room = _context(config, context, weight_bytes, selected.ops.kv_item_bytes())
        kv_bytes = default_kv_bytes(weight_bytes)
        prepared = prepare_params(source, config.num_layers, selected.ops, packing)
        disk = _disk_cache(source, selected, weight_bytes)
        engine = Engine(prepared.params, config, selected.ops, room, kv_bytes=kv_bytes, disk=disk)
        return cls(source, config, tokenizer, selected, Service(engine), prepared.holding)

    def respond(
        self,
        messages: Sequence[Message],
        settings: Settings | None = None,
        demands: Demands | None = None,
        terms: Terms | None = None,
    ) -> Generator[Event, None, None]:
        """The answer to a conversation, piece by piece; ``Done`` or ``Failed`` comes once, last.

        Closing the generator stops the answer and frees what it held; then neither comes.
        """
        demands = demands or Demands()
        try:
            request = self._request(messages, settings or Settings(), demands, terms or Terms())
            yield from respond(self.service, self.tokenizer, request, demands.stop)
        except OssiaError as error:
            yield Failed(error)

    async def arespond(
        self,
        messages: Sequence[Message],
        settings: Settings | None = None,
        demands: Demands | None = None,
        terms: Terms | None = None,
    ) -> AsyncGenerator[Event, None]:
        """The same for the event loop that runs here; cancelling its task stops the answer."""
        demands = demands or Demands()
        try:
            # Long conversations and large schemas take their time, which is not the event loop's.
            request = await asyncio.to_thread(
                self._request, messages, settings or Settings(), demands, terms or Terms()
            )
            events = arespond(self.service, self.tokenizer, request, demands.stop)
            async with aclosing(events):
                async for event in events:
                    yield event
        except OssiaError as error:
            yield Failed(error)

    def close(self, timeout: float = 0.0) -> None:
        """Takes no more requests; see ``engine.Service.close``. The end of a process does it too.

        Answers under way may go on for ``timeout`` seconds and are then cut.
        """
        self.service.close(timeout)

    async def aclose(self, timeout: float = 0.0) -> None:
        """The same without holding up the event loop."""
        await self.service.aclose(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @cached_property
    def _grammars(self) -> Grammars:
        return Grammars(self.tokenizer)

    def _request(
        self, messages: Sequence[Message], settings: Settings, demands: Demands, terms: Terms
    ) -> Request:
        seed = secrets.randbits(32) if settings.seed is None else settings.seed
        return Request(
            prompt_ids=tuple(render(messages, self.tokenizer)),
            sampling=settings.sampling(seed),
            stop_ids=stop_token_ids(self.tokenizer),
            max_tokens=settings.max_tokens,
            constraint=self._constraint(messages, demands),
            boundary_ids=frozenset([self.tokenizer.special(START)]),
            client=terms.client,
            priority=terms.priority,
            timeout=terms.timeout,
            num_logprobs=settings.num_logprobs,
            name=terms.name,
        )

    def _constraint(self, messages: Sequence[Message], demands: Demands) -> Constraint | None:
        if not demands.is_enveloped:
            return None
        rules = rules_of(messages, demands, lambda schema: self._grammars.compile(schema))
        return AnswerConstraint(Envelope(self.tokenizer, rules))


def _disk_cache(source: Source, backend: Backend, weight_bytes: int) -> DiskCache | None:
    """Where conversations survive a restart, for models that take long to read them again."""
    limit = environment.cache_bytes()
    if limit == 0 or weight_bytes < _WORTH_DISK:
        return None
    numerics = (backend.name, backend.detail, str(backend.ops.packing()), environment.weights())
    version = "\n".join((fingerprint(source), *numerics, VERSION))
    return DiskCache(environment.home() / "kv", limit, version)


def _context(config: Config, asked: int | None, weight_bytes: int, item_bytes: int) -> int:
    """Tokens of context to make room for."""
    if asked is None:
        return default_context(config, weight_bytes, item_bytes)
    check_context(config, asked, item_bytes)
    return asked
