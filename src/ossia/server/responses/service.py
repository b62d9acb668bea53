"""The responses of a server: those being made, those kept, and how one goes on from another.

Knows models and the store; knows no HTTP.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from ossia.agent.loop import equipped
from ossia.base.errors import InputError
from ossia.harmony import render
from ossia.server.context import ServerContext
from ossia.server.conversation import today
from ossia.server.errors import RequestError
from ossia.server.recall import Recall
from ossia.server.responses.items import Item, kept_items, new_id, resolved
from ossia.server.responses.making import TERMINAL, Making, Order
from ossia.server.responses.response import failed, new_response
from ossia.server.responses.schema import CountRequest, PromptRequest, ResponseRequest
from ossia.server.responses.sealing import Seal
from ossia.server.responses.translate import Memory, Prompt, asked_of, prompt_of
from ossia.server.store import StoredResponse
from ossia.server.validation import missing, wrong
from ossia.tokenizer import Tokenizer

Json = dict[str, Any]
Placed = Sequence[tuple[str, Item]]


class Responses:
    """What ``/v1/responses`` can do.

    Args:
        seal: closes reasoning that clients carry.
    """

    def __init__(self, context: ServerContext, seal: Seal) -> None:
        self._context = context
        self._memory = Memory(Recall(), seal)
        self._making: dict[str, Making] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._bury()

    async def start(self, request: ResponseRequest, owner: str) -> Making:
        """A response that can be made; in the background it is begun.

        Raises:
            RequestError, OssiaError: it cannot.
        """
        if request.background and not request.is_stored:
            raise wrong("background", "expected store to be true; nobody could ask for it later")
        inputs, said = await self._said(request, owner)
        persona = self._context.persona(request.model)
        prompt = await self._prompt(request, said)
        asked = asked_of(request, prompt, persona.settings, owner)
        response = new_response(
            request, new_id("resp"), time.time(), persona.settings, list(prompt.warnings)
        )
        asked = replace(asked, terms=replace(asked.terms, name=response["id"]))
        order = Order(owner, request, inputs, prompt, asked)
        making = Making(self._context, self._memory, order, response)
        if request.background:
            self._check_model(request.model)  # while somebody still hears of it
            await making.begin()
            self._in_background(making)
        return making

    async def events(self, making: Making) -> AsyncGenerator[Json, None]:
        """The events of a response; those of one in the background can be left and taken up again.

        Raises:
            RequestError, OssiaError: it does not begin.
        """
        response_id = making.response["id"]
        if making.is_background:
            events = making.follow()
        else:
            events = making.events()
            self._making[response_id] = making
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            if not making.is_background:
                self._making.pop(response_id, None)

    async def prompt_ids(self, request: CountRequest, owner: str) -> tuple[list[int], Tokenizer]:
        """Tokens that a request would have the model read, and what spells them.

        Raises:
            RequestError, OssiaError: it cannot be asked.
        """
        _, said = await self._said(request, owner)
        prompt = await self._prompt(request, said)
        messages = prompt.messages
        if prompt.served:
            tools = [self._context.toolsets.equipment.make(name) for name in prompt.served]
            messages = equipped(messages, tools, prompt.box.names)
        async with self._context.models.lease(request.model) as model:
            return await asyncio.to_thread(render, messages, model.tokenizer), model.tokenizer

    async def raw(self, response_id: str, owner: str) -> tuple[str, Json]:
        """The model and the tokens of a response.

        Raises:
            RequestError: there is none, or its tokens are not kept.
        """
        model = (await self.find(response_id, owner))["model"]
        found = await asyncio.to_thread(self._context.store.raw, owner, response_id)
        if found is None:
            what = "its tokens are not there: they are kept of answers that came to their end"
            raise RequestError(404, what, "not_found", "response_id")
        return model, found

    async def find(self, response_id: str, owner: str) -> Json:
        """A response as it is now.

        Raises:
            RequestError: there is none.
        """
        making = self._making.get(response_id)
        if making is not None and making.owner == owner and making.log:
            return making.snapshot()
        return (await self._kept(response_id, owner)).body

    async def replay(
        self, response_id: str, owner: str, after: int | None
    ) -> AsyncGenerator[Json, None]:
        """The events of a response behind a sequence number, and those that come in time.

        Raises:
            RequestError: there is no such response, or another process makes it.
        """
        making = self._making.get(response_id)
        if making is not None and making.owner == owner and making.log:
            async for event in making.follow(after):
                yield event
            return
        kept = await self._kept(response_id, owner)
        if kept.is_open:
            raise _made_elsewhere()
        events = await asyncio.to_thread(self._context.store.events, owner, response_id)
        for event in events or _lost(kept.body, after):
            if after is None or event["sequence_number"] > after:
                yield event

    async def cancel(self, response_id: str, owner: str) -> Json:
        """Stops a response that is made in the background; one that is over stays as it is.

        Raises:
            RequestError: there is none, or it is not made in the background, or not here.
        """
        response = await self.find(response_id, owner)
        if not response["background"]:
            what = "only responses that are made in the background can be cancelled"
            raise RequestError(400, what, "invalid_value", "response_id")
        await self._stop(response_id)
        if (response := await self.find(response_id, owner))["status"] not in TERMINAL:
            raise _made_elsewhere()
        return response

    async def delete(self, response_id: str, owner: str) -> None:
        """Deletes a response, and stops it before if need be.

        Raises:
            RequestError: there is none.
        """
        await self.find(response_id, owner)
        await self._stop(response_id)
        await asyncio.to_thread(self._context.store.delete, owner, "responses", response_id)

    async def inputs(self, response_id: str, owner: str) -> list[Item]:
        """All that a response answers.

        Raises:
            RequestError: there is none.
        """
        found = await asyncio.to_thread(self._context.store.inputs, owner, response_id)
        if found is None:
            raise _unknown(response_id)
        return found

    async def _prompt(self, request: CountRequest | ResponseRequest, said: Placed) -> Prompt:
        persona = self._context.persona(request.model)
        enabled = self._context.toolsets.equipment.names
        return await asyncio.to_thread(
            prompt_of, request, said, today(), persona, self._memory, enabled
        )

    async def _kept(self, response_id: str, owner: str) -> StoredResponse:
        """A response as the store has it; one that its process left in the middle has failed."""
        store = self._context.store
        kept = await asyncio.to_thread(store.response, owner, response_id)
        if kept is not None and kept.is_open:
            await asyncio.to_thread(self._bury)
            kept = await asyncio.to_thread(store.response, owner, response_id)
        if kept is None:
            raise _unknown(response_id)
        return kept

    async def _said(self, request: PromptRequest, owner: str) -> tuple[list[Item], Placed]:
        """The items of a request, and all that was said with them at the end."""
        store = self._context.store
        earlier = await self._earlier(request, owner)
        items = kept_items(request.input, "input")
        if not items and not earlier:
            raise missing("input")
        if any(item["type"] == "item_reference" for item in items):
            items = await asyncio.to_thread(
                resolved, items, lambda item_id: store.item(owner, item_id), "input"
            )
        own = [(f"input[{index}]", item) for index, item in enumerate(items)]
        return items, [*(("history", item) for item in earlier), *own]

    async def _earlier(self, request: PromptRequest, owner: str) -> list[Item]:
        """What was said before the request."""
        previous, conversation = request.previous_response_id, request.conversation_id
        store = self._context.store
        if previous and conversation:
            what = "expected this or conversation, not both"
            raise wrong("previous_response_id", what, "mutually_exclusive_parameters")
        if conversation:
            if await asyncio.to_thread(store.conversation, owner, conversation) is None:
                what = f"no conversation {conversation!r:.80}"
                raise RequestError(404, what, "conversation_not_found", "conversation")
            return await asyncio.to_thread(store.items, owner, conversation)
        if not previous:
            return []
        if (making := self._making.get(previous)) and not making.is_over:
            raise wrong("previous_response_id", f"{previous!r:.80} is not complete yet")
        history = await asyncio.to_thread(store.history, owner, previous)
        if history is None:
            what = f"no response {previous!r:.80}, or one that it goes on from is deleted"
            code = "previous_response_not_found"
            raise RequestError(400, what, code, "previous_response_id")
        return history

    def _check_model(self, name: str) -> None:
        try:
            self._context.models.check(name)
        except InputError as error:
            raise RequestError(404, str(error), "model_not_found", "model") from None

    def _in_background(self, making: Making) -> None:
        response_id = making.response["id"]

        async def run() -> None:
            try:
                async for _ in making.events():
                    pass
            finally:
                del self._making[response_id], self._tasks[response_id]

        task = asyncio.create_task(run())
        self._making[response_id], self._tasks[response_id] = making, task
        self._context.tasks.add(task)
        task.add_done_callback(self._context.tasks.discard)

    async def _stop(self, response_id: str) -> None:
        """Ends what is made in the background."""
        task = self._tasks.get(response_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _bury(self) -> None:
        """Responses of processes that ended in the middle have failed."""
        error = RequestError(500, "the server ended before the answer did", "server_error")
        for owner, body in self._context.store.orphans():
            self._context.store.finish(owner, failed(body, error, []), [])


def _lost(response: Json, after: int | None) -> list[Json]:
    """The events of a response whose own were lost with the process that made it."""
    number = 0 if after is None else after + 1
    kinds = [*(["response.created"] if after is None else []), TERMINAL[response["status"]]]
    return [
        {"type": kind, "sequence_number": place, "response": response}
        for place, kind in enumerate(kinds, start=number)
    ]


def _made_elsewhere() -> RequestError:
    what = "another process of ossia makes this response, and alone can stream or cancel it"
    return RequestError(409, what, "made_elsewhere", "response_id")


def _unknown(response_id: str) -> RequestError:
    return RequestError(404, f"no response {response_id!r:.80}", "not_found", "response_id")
