"""What every dialect's routes are given: the models, and what else the server has."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ossia.agent import (
    PLAIN,
    Equipment,
    Permission,
    Returned,
    Started,
    Transcript,
    Worker,
    opening,
    persona_named,
)
from ossia.agent.chats import Chats
from ossia.chat import ChatModel, Demands, Event, Settings, Terms, ToolCall
from ossia.harmony import Developer, Message
from ossia.harmony.messages import FUNCTIONS
from ossia.server.asked import Asked
from ossia.server.metrics import Metrics
from ossia.server.models import Loaded
from ossia.server.store import Store
from ossia.server.toolsets import Toolset, Toolsets


class Models(Protocol):
    """The models of this server."""

    def lease(
        self, name: str, keep_alive: float | None = None
    ) -> AbstractAsyncContextManager[ChatModel]:
        """A model that stays loaded as long as it is needed, and then so many seconds."""

    def names(self) -> list[str]:
        """All that can be asked for."""

    def check(self, name: str) -> None:
        """Whether there is such a model.

        Raises:
            InputError: there is none.
        """

    def find(self, name: str) -> Path:
        """Where a model is.

        Raises:
            RequestError: there is none of that name that clients may use.
        """

    def meaning(self, name: str) -> str | None:
        """What a name stands for that the server was started with; None of others."""

    def name_of(self, model: ChatModel) -> str:
        """What a loaded model is called."""

    def loaded(self) -> list[Loaded]:
        """Those in memory."""

    async def unload(self, name: str) -> bool:
        """Lets a model go that nobody uses; False where somebody does, or it is not loaded."""


@dataclass(frozen=True)
class ServerContext:
    """What the server has.

    Attributes:
        store: what outlives a request, and the process too where it has a folder.
        tasks: what goes on after its request was answered.
        toolsets: the tools that run here, which the server's owner enabled.
        chats: conversations that people come back to.
    """

    models: Models
    metrics: Metrics = field(default_factory=Metrics)
    store: Store = field(default_factory=lambda: Store(None))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    toolsets: Toolsets = field(default_factory=lambda: Toolsets(Equipment()))
    chats: Chats = field(default_factory=lambda: Chats(None))

    def answer(self, model: ChatModel, asked: Asked) -> AsyncGenerator[Event, None]:
        """A model's events, counted as they pass; closing the generator stops the answer.

        Calls of the server's tools are made, and not among the events.
        """
        if asked.served:
            return self._served(model, asked)
        events = model.arespond(asked.messages, asked.settings, asked.demands, asked.terms)
        return self.metrics.observed(self.models.name_of(model), events)

    async def _served(self, model: ChatModel, asked: Asked) -> AsyncGenerator[Event, None]:
        brought = {
            f"{FUNCTIONS}.{function.name}"
            for message in asked.messages
            if isinstance(message, Developer)
            for function in message.tools
        }
        with self.toolsets.taken("", ()) as toolset:
            worker = self.worker(model, toolset, asked.served)
            answer = worker.answer(asked.messages, asked.settings, asked.demands, asked.terms)
            async with aclosing(answer) as events:
                async for event in events:
                    match event:
                        case Permission() | Started() | Returned():
                            pass
                        case ToolCall(recipient) if recipient not in brought:
                            pass
                        case _:
                            yield event

    def worker(self, model: ChatModel, toolset: Toolset, names: Iterable[str]) -> Worker:
        """A model with some of the server's tools; its answers are counted round by round.

        Raises:
            InputError: a tool cannot be made.
        """
        tools = [toolset.tool(name) for name in names]
        return Worker(_Counted(self, model), tools, self.toolsets.policy, pages=toolset.pages)

    def persona(self, name: str) -> Transcript:
        """What a model's name says of the manner of its answers.

        Raises:
            InputError: it is a name that the user gave, and its file is damaged.
        """
        return opening(persona_named(self.models.meaning(name) or name) or PLAIN)


@dataclass(frozen=True)
class _Counted:
    """A model whose answers are counted, for whoever asks it several times for one answer."""

    context: ServerContext
    model: ChatModel

    def arespond(
        self,
        messages: Sequence[Message],
        settings: Settings | None = None,
        demands: Demands | None = None,
        terms: Terms | None = None,
    ) -> AsyncGenerator[Event, None]:
        """See ``ChatModel.arespond``."""
        asked = Asked(
            tuple(messages), settings or Settings(), demands or Demands(), terms or Terms()
        )
        return self.context.answer(self.model, asked)
