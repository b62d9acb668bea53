"""Anthropic's addresses: messages, and the tokens that they would take.

Knows HTTP and models; what the fields mean ``translate`` knows, what goes back ``events``.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ossia.chat import ChatModel, Done, Failed
from ossia.harmony import render
from ossia.server.anthropic import schema
from ossia.server.anthropic.errors import error_body, status_for
from ossia.server.anthropic.events import MessageEvents, whole
from ossia.server.anthropic.translate import Translation, translate
from ossia.server.context import ServerContext
from ossia.server.conversation import today
from ossia.server.exchange import Fault, Form, Wire, collected, compact, handled, streamed
from ossia.server.recall import Recall
from ossia.server.validation import validated


def _encode(event: Wire) -> str:
    return f"event: {event['type']}\ndata: {compact(event)}\n\n"


def _fault(error: Fault) -> tuple[int, Wire]:
    return status_for(error), error_body(error)


FORM = Form("text/event-stream", _encode, _fault)


def routes(context: ServerContext) -> list[Route]:
    """The dialect's routes."""
    recall = Recall()

    async def create(http: Request, document: Any) -> Response:
        request = validated(schema.MessageRequest, document)
        translation = _translated(context, request, recall)
        events = _events(context, request, translation, recall)
        if request.stream:
            return await streamed(http, FORM, events)
        return await collected(http, events, whole)

    async def count(_: Request, document: Any) -> Response:
        request = validated(schema.CountRequest, document)
        translation = _translated(context, request, recall)
        async with context.models.lease(request.model) as model:
            return JSONResponse({"input_tokens": await _num_prompt(model, translation)})

    return [
        Route("/v1/messages", handled(FORM, create), methods=["POST"]),
        Route("/v1/messages/count_tokens", handled(FORM, count), methods=["POST"]),
    ]


def _translated(
    context: ServerContext, request: schema.CountRequest, recall: Recall
) -> Translation:
    persona = context.persona(request.model)
    enabled = context.toolsets.equipment.names
    return translate(request, today(), persona, recall, enabled=enabled)


async def _events(
    context: ServerContext,
    request: schema.MessageRequest,
    translation: Translation,
    recall: Recall,
) -> AsyncGenerator[Wire, None]:
    """The events of a message, the first when the model has begun.

    Raises:
        OssiaError: the model cannot answer, or stopped doing so.
    """
    asked = translation.asked
    async with context.models.lease(request.model) as model:
        num_prompt = await _num_prompt(model, translation)
        writer = MessageEvents(request.model, translation, num_prompt)
        answer = context.answer(model, asked)
        has_begun = False
        async with aclosing(answer) as events:
            async for event in events:
                if isinstance(event, Failed):
                    raise event.error
                if not has_begun:
                    has_begun = True
                    yield writer.start()
                if isinstance(event, Done):
                    for call_id in writer.calls:
                        recall.keep(call_id, writer.reasoning)
                for wire in writer.take(event):
                    yield wire


async def _num_prompt(model: ChatModel, translation: Translation) -> int:
    """Tokens of the prompt, which take their time to count where it is long."""
    return len(await asyncio.to_thread(render, translation.asked.messages, model.tokenizer))
