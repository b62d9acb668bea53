"""``POST /v1/completions``: which model goes on, and in which form its text goes back.

Knows HTTP and models; what the fields mean ``translate`` knows, what the objects say ``answer``.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.routing import Route

from ossia.base.version import VERSION
from ossia.chat import ChatModel
from ossia.engine import Token
from ossia.server.completions.answer import Choice, Head, chunk, completion, usage_of
from ossia.server.completions.schema import CompletionRequest
from ossia.server.completions.translate import translate
from ossia.server.context import ServerContext
from ossia.server.merging import merged
from ossia.server.metrics import Watch
from ossia.server.openai_http import endpoint
from ossia.server.validation import validated


@dataclass(frozen=True)
class _Job:
    """One request and all it needs to be answered."""

    context: ServerContext
    request: CompletionRequest
    head: Head
    client: str

    async def chunks(self) -> AsyncGenerator[dict[str, Any], None]:
        """The texts as the objects of a stream."""
        has_usage = self.request.has_usage
        async with self.context.models.lease(self.request.model) as model:
            choices = self._choices(model)
            async with aclosing(self._made(model, choices)) as made:
                async for number in made:
                    for piece in choices[number].pieces():
                        yield chunk(self.head, [piece], None, has_usage=has_usage)
            if has_usage:
                usage = usage_of(choices, self.request.n or 1)
                yield chunk(self.head, [], usage, has_usage=True)

    async def whole(self) -> dict[str, Any]:
        """The texts as one object."""
        async with self.context.models.lease(self.request.model) as model:
            choices = self._choices(model)
            async with aclosing(self._made(model, choices)) as made:
                async for _ in made:
                    pass
            return completion(self.head, choices, self.request.n or 1)

    def _choices(self, model: ChatModel) -> list[Choice]:
        asked = translate(self.request, model.tokenizer, self.client)
        return [Choice(index, one, model.tokenizer) for index, one in enumerate(asked)]

    async def _made(self, model: ChatModel, choices: list[Choice]) -> AsyncGenerator[int, None]:
        """Has all choices made; tells which one got on."""
        name = self.context.models.name_of(model)
        watched = [_make(model, choice, self.context.metrics.watch(name)) for choice in choices]
        async with aclosing(merged(watched)) as made:
            async for number, _ in made:
                yield number


async def _make(model: ChatModel, choice: Choice, watch: Watch) -> AsyncGenerator[None, None]:
    """Has one text made."""
    with watch.failing():
        async with aclosing(model.service.astream(choice.request)) as outputs:
            async for output in outputs:
                if isinstance(output, Token):
                    watch.note_piece()
                choice.take(output)
                choice.num_cached = outputs.num_cached
                yield
                if choice.is_over:
                    return


def routes(context: ServerContext) -> list[Route]:
    """The dialect's routes."""

    def start(document: Any, client: str) -> _Job:
        request = validated(CompletionRequest, document)
        return _Job(context, request, Head(request.model, f"ossia-{VERSION}"), client)

    return [Route("/v1/completions", endpoint(start, "prompt"), methods=["POST"])]
