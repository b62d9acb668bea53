"""One response, while it is made: its events in order, who follows them, and what is kept of it.

Knows models and the store; knows no HTTP. Where somebody waits for the answer, ``events`` runs as
long as that one reads; in the background a task reads it, and anybody may ``follow``.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from ossia.agent import AgentEvent, Limits
from ossia.base.errors import OssiaError
from ossia.chat import ChatModel, Done, Failed, Reason
from ossia.harmony import render
from ossia.server.asked import Asked
from ossia.server.context import ServerContext
from ossia.server.errors import RequestError
from ossia.server.responses.answer import Output
from ossia.server.responses.items import Item
from ossia.server.responses.response import cancelled, ended, failed
from ossia.server.responses.schema import ResponseRequest
from ossia.server.responses.translate import SEALED_REASONING, Memory, Prompt
from ossia.server.responses.truncation import shortened

Json = dict[str, Any]

_log = logging.getLogger("ossia.server")

TERMINAL = {
    "completed": "response.completed",
    "incomplete": "response.incomplete",
    "cancelled": "response.incomplete",  # the interface has no event of its own for it
    "failed": "response.failed",
}
"""The last event of a stream, by the status of the response."""


@dataclass(frozen=True)
class Order:
    """What is to be made, for whom, and of what.

    Attributes:
        inputs: the items of the request itself, as they are kept.
    """

    owner: str
    request: ResponseRequest
    inputs: list[Item]
    prompt: Prompt
    asked: Asked


class Making:
    """A response that is being made.

    Attributes:
        response: the response object as it is now.
        log: the events so far, where anybody may want them again.
        error: why it failed, if it did.
    """

    def __init__(
        self, context: ServerContext, memory: Memory, order: Order, response: Json
    ) -> None:
        self._context, self._memory, self._order = context, memory, order
        is_sealed = order.request.includes(SEALED_REASONING)
        reasoning = order.request.reasoning
        self._output = Output(
            order.prompt.box,
            memory.seal if is_sealed else None,
            has_summary=bool(reasoning and reasoning.has_summary),
        )
        self._num_events = 0
        self._raw: Json | None = None
        self._news = asyncio.Event()
        self.response = response
        self.log: list[Json] = []
        self.error: RequestError | OssiaError | None = None

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self._order.owner

    @property
    def is_background(self) -> bool:
        """Whether a task makes it, whoever reads."""
        return bool(self._order.request.background)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.response["status"] in TERMINAL

    def snapshot(self) -> Json:
        """The response with the output that there is so far."""
        return self.response if self.is_over else self.response | {"output": self._output.items}

    async def begin(self) -> None:
        """Keeps that it is being made.

        Raises:
            OssiaError: it cannot be kept.
        """
        if self._order.request.is_stored:
            store = self._context.store
            await _through(store.begin, self.owner, self.response, self._order.inputs)

    async def events(self) -> AsyncGenerator[Json, None]:
        """All events, once; closing it stops the answer, which is kept as cancelled.

        Raises:
            RequestError, OssiaError: the answer did not begin, and nothing of it is kept.
        """
        has_begun = False
        try:
            if self.is_background:
                has_begun = True
                yield self._told("response.created")
                yield self._told("response.queued")
            async with aclosing(self._answer()) as answer:
                async for event in answer:
                    if not has_begun:
                        await self.begin()
                        has_begun = True
                        yield self._told("response.created")
                    if self.response["status"] == "queued" or self._num_events == 1:
                        self.response = self.response | {"status": "in_progress"}
                        yield self._told("response.in_progress")
                    for wire in self._take(event):
                        yield self._numbered(wire)
        except Exception as error:
            if not has_begun:
                raise
            self.error = _told(error)
            for wire in self._output.end(is_whole=False):
                yield self._numbered(wire)
            self.response = failed(self.response, self.error, self._output.items)
        finally:
            if has_begun and not self.is_over:
                self._stop()
        yield await self._finished()

    async def follow(self, after: int | None = None) -> AsyncGenerator[Json, None]:
        """Events behind a sequence number, those that come in time too."""
        place = 0 if after is None else after + 1
        while True:
            news = self._news
            while place < len(self.log):
                yield self.log[place]
                place += 1
            if self.is_over and self.log[-1]["type"] in TERMINAL.values():
                return
            await news.wait()

    async def _answer(self) -> AsyncGenerator[AgentEvent, None]:
        """The model's events, what went wrong raised."""
        order = self._order
        async with self._context.models.lease(order.request.model) as model:
            asked = order.asked
            if order.request.truncation == "auto":
                asked = await self._shortened(model, asked)
            async with aclosing(self._events(model, asked)) as events:
                async for event in events:
                    if isinstance(event, Failed):
                        raise event.error
                    yield event

    async def _events(self, model: ChatModel, asked: Asked) -> AsyncGenerator[AgentEvent, None]:
        """The model's events, and those of its tools where it has some of the server's."""
        order, context = self._order, self._context
        if not order.prompt.served:
            answer: AsyncGenerator[AgentEvent, None] = context.answer(model, asked)
            async with aclosing(answer) as events:
                async for event in events:
                    yield event
            return
        box, calls = order.prompt.box, order.prompt.calls
        with context.toolsets.taken(order.owner, calls, box.container_id) as toolset:
            self._output.toolset = toolset
            worker = context.worker(model, toolset, order.prompt.served)
            if order.request.max_tool_calls is not None:
                worker.limits = Limits(order.request.max_tool_calls)
            async with aclosing(
                worker.answer(asked.messages, asked.settings, asked.demands, asked.terms)
            ) as events:
                async for event in events:
                    yield event

    async def _shortened(self, model: ChatModel, asked: Asked) -> Asked:
        reserved = min(asked.settings.max_tokens or model.context // 8, model.context // 2)
        messages, num_gone = await asyncio.to_thread(
            shortened,
            asked.messages,
            lambda some: len(render(some, model.tokenizer)),
            model.context - reserved,
        )
        if num_gone:
            self._warn(f"truncation: the first {num_gone} messages are left out")
        return replace(asked, messages=messages)

    def _warn(self, what: str) -> None:
        told = self.response["ossia"]
        told = told | {"warnings": [*told["warnings"], what]}
        self.response = self.response | {"ossia": told}

    def _take(self, event: AgentEvent) -> Iterator[Json]:
        """What an event adds to the stream.

        Raises:
            RequestError: the server ends before the answer does.
        """
        if not isinstance(event, Done):
            yield from self._output.take(event)
            return
        if event.reason is Reason.CLOSED:
            raise RequestError(503, "the server ended before the answer did", "server_error")
        is_whole = event.reason not in (Reason.LENGTH, Reason.DEADLINE)
        yield from self._output.end(is_whole=is_whole)
        for call_id, reasoning in self._output.reasons():
            self._memory.recall.keep(call_id, reasoning)
        self._raw = None if event.raw is None else event.raw.to_json()
        self.response = ended(self.response, event, self._output.items, time.time())

    async def _finished(self) -> Json:
        """The last event, which comes when all is kept, so that the next request can go on."""
        last = self._terminal()
        try:
            await _through(self._keep, [*self.log, last])
        except OssiaError as error:  # it is said, and nobody can go on from it
            self.error = error
            self.response = failed(self.response, error, self.response["output"])
            last = self._terminal()
        self._add(last)
        return last

    def _stop(self) -> None:
        """Somebody stopped the answer: it is kept at once, for no time may be left."""
        for wire in self._output.end(is_whole=False):
            self._numbered(wire)
        self.response = cancelled(self.response, self._output.items)
        last = self._terminal()
        try:
            self._keep([*self.log, last])
        except OssiaError as error:  # who stopped it hears of nothing more
            _log.warning("a response is not kept: %s", error)
        self._add(last)

    def _keep(self, events: list[Json]) -> None:
        order, store = self._order, self._context.store
        if order.request.is_stored:
            store.finish(self.owner, self.response, events, self._raw)
        conversation = order.request.conversation_id
        if conversation and self.response["status"] in ("completed", "incomplete"):
            store.say(self.owner, conversation, [*order.inputs, *self.response["output"]])

    def _terminal(self) -> Json:
        kind = TERMINAL[self.response["status"]]
        return {"type": kind, "sequence_number": self._num_events, "response": self.response}

    def _told(self, kind: str) -> Json:
        return self._numbered({"type": kind, "response": self.response})

    def _numbered(self, event: Json) -> Json:
        """An event with its place in the stream."""
        event = {"type": event["type"], "sequence_number": self._num_events, **event}
        self._num_events += 1
        self._add(event)
        return event

    def _add(self, event: Json) -> None:
        if self._order.request.is_stored:
            self.log.append(event)
        self._news.set()
        self._news = asyncio.Event()


def _told(error: Exception) -> RequestError | OssiaError:
    """What a client is told of an error; one that nobody foresaw is logged."""
    if isinstance(error, RequestError | OssiaError):
        return error
    _log.error("an answer failed", exc_info=error)
    return RequestError(500, "ossia met a bug; its log tells more", "server_error")


async def _through(work: Callable[..., None], *arguments: Any) -> None:
    """Does something in a thread, to its end, whoever is cancelled meanwhile."""
    doing = asyncio.create_task(asyncio.to_thread(work, *arguments))
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        await doing
        raise
