"""``POST /v1/chat/completions``: who is asked, and in which form the answer goes back.

Knows HTTP and models; what the fields mean ``translate`` knows, what the objects say ``answer``.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from starlette.routing import Route

from ossia.base.version import VERSION
from ossia.chat import ChatModel, Done, Event, Failed
from ossia.server.chat_completions.answer import Choice, Head, chunk, completion, usage_of
from ossia.server.chat_completions.schema import ChatCompletionRequest
from ossia.server.chat_completions.translate import Translated, translate
from ossia.server.context import ServerContext
from ossia.server.conversation import today
from ossia.server.merging import merged
from ossia.server.openai_http import endpoint
from ossia.server.recall import Recall
from ossia.server.validation import validated


@dataclass(frozen=True)
class _Job:
    """One request and all it needs to be answered."""

    context: ServerContext
    recall: Recall
    request: ChatCompletionRequest
    translated: Translated
    head: Head
    choices: tuple[Choice, ...]

    async def events(self) -> AsyncGenerator[tuple[int, Event], None]:
        """What the model says, with the number of the choice; what went wrong is raised."""
        async with self.context.models.lease(self.request.model) as model:
            streams = [self._answer(model, number) for number in range(len(self.choices))]
            async with aclosing(merged(streams)) as answers:
                async for number, event in answers:
                    if isinstance(event, Failed):
                        raise event.error
                    yield number, event

    def _answer(self, model: ChatModel, number: int) -> AsyncGenerator[Event, None]:
        asked = self.translated.asked
        settings = asked.settings
        if settings.seed is not None:
            settings = replace(settings, seed=(settings.seed + number) % 2**64)
        return self.context.answer(model, replace(asked, settings=settings))

    async def chunks(self) -> AsyncGenerator[dict[str, Any], None]:
        """The answer as the objects of a stream; the first comes when the model has begun."""
        has_begun, has_usage = False, self.request.has_usage
        async with aclosing(self.events()) as events:
            async for number, event in events:
                if not has_begun:
                    has_begun = True
                    for choice in self.choices:
                        yield chunk(self.head, [choice.begin()], None, has_usage=has_usage)
                if piece := self._take(number, event):
                    yield chunk(self.head, [piece], None, has_usage=has_usage)
        if has_usage:
            yield chunk(self.head, [], usage_of(self.choices), has_usage=True)

    async def whole(self) -> dict[str, Any]:
        """The answer as one object."""
        async with aclosing(self.events()) as events:
            async for number, event in events:
                self._take(number, event)
        return completion(self.head, self.choices)

    def _take(self, number: int, event: Event) -> dict[str, Any] | None:
        choice = self.choices[number]
        piece = choice.take(event)
        if isinstance(event, Done):
            for call_id, reasoning in choice.reasons():
                self.recall.keep(call_id, reasoning)
        return piece


def routes(context: ServerContext) -> list[Route]:
    """The dialect's routes."""
    recall = Recall()

    def start(document: Any, client: str) -> _Job:
        request = validated(ChatCompletionRequest, document)
        persona = context.persona(request.model)
        enabled = context.toolsets.equipment.names
        translated = translate(request, today(), persona, recall, client, enabled)
        head = Head(request.model, f"ossia-{VERSION}", translated.warnings)
        choices = tuple(
            Choice(index, translated.names, has_logprobs=bool(request.logprobs))
            for index in range(request.n or 1)
        )
        return _Job(context, recall, request, translated, head, choices)

    return [Route("/v1/chat/completions", endpoint(start, "messages"), methods=["POST"])]
