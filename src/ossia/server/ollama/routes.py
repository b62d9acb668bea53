"""Ollama's addresses.

Knows HTTP and models; what the fields mean ``translate`` knows, what goes back ``events``, what is
told of models ``catalogue``, what is done with them ``manage``.
"""

import math
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ossia.agent import Transcript
from ossia.base.errors import OssiaError
from ossia.base.version import VERSION as OSSIA_VERSION
from ossia.chat import ChatModel, Done, Failed
from ossia.engine import Token
from ossia.server.context import ServerContext
from ossia.server.conversation import today
from ossia.server.errors import RequestError, status_of
from ossia.server.exchange import Fault, Form, Wire, collected, compact, handled, streamed
from ossia.server.ollama import manage, schema
from ossia.server.ollama.catalogue import entry, shown, with_tag, without_tag
from ossia.server.ollama.context import context_ids, read_context
from ossia.server.ollama.durations import seconds_of
from ossia.server.ollama.events import Lines, bare, whole
from ossia.server.ollama.raw import RawLines, translate_raw
from ossia.server.ollama.translate import Translation, translate_chat, translate_generate
from ossia.server.recall import Recall
from ossia.server.streaming import threaded
from ossia.server.validation import validated

VERSION = "0.13.4"
"""Of Ollama's interface: clients ask whether it is new enough."""

_FOR_EVER = timedelta(days=36_500)


def _fault(error: Fault) -> tuple[int, Wire]:
    status = error.status if isinstance(error, RequestError) else status_of(error)
    return status, {"error": str(error)}


FORM = Form("application/x-ndjson", lambda line: compact(line) + "\n", _fault)


def routes(context: ServerContext) -> list[Route]:
    """The dialect's routes."""
    answers, models = _Answers(context), _Models(context)
    posts = {
        "/api/chat": answers.chat,
        "/api/generate": answers.generate,
        "/api/show": models.show,
        "/api/create": models.create,
        "/api/copy": models.copy,
        "/api/pull": models.pull,
        "/api/embed": _no_embeddings,
        "/api/embeddings": _no_embeddings,
        "/api/push": _no_push,
    }
    return [
        Route("/api/version", _version, methods=["GET"]),
        Route("/api/tags", models.tags, methods=["GET"]),
        Route("/api/ps", models.ps, methods=["GET"]),
        Route("/api/delete", handled(FORM, models.delete), methods=["DELETE"]),
        *(Route(path, handled(FORM, post), methods=["POST"]) for path, post in posts.items()),
    ]


async def _version(_: Request) -> Response:
    return JSONResponse({"version": VERSION, "ossia": OSSIA_VERSION})


async def _no_embeddings(_: Request, __: Any) -> Response:
    raise RequestError(
        400, "this model does not support embeddings: a gpt-oss makes text only", "unsupported"
    )


async def _no_push(_: Request, __: Any) -> Response:
    raise RequestError(400, "ossia uploads no models", "unsupported")


class _Answers:
    """Chat and generate."""

    def __init__(self, context: ServerContext) -> None:
        self._context, self._models = context, context.models
        self._recall = Recall()

    async def chat(self, http: Request, document: Any) -> Response:
        """``/api/chat``."""
        request = validated(schema.ChatRequest, document)
        if not request.messages:
            return await self._load(request, is_chat=True)
        persona = self._context.persona(without_tag(request.model))
        translation = translate_chat(request, today(), persona, self._recall)
        return await _answer(http, request, self._lines(request, lambda _: translation))

    async def generate(self, http: Request, document: Any) -> Response:
        """``/api/generate``."""
        request = validated(schema.GenerateRequest, document)
        persona = self._context.persona(without_tag(request.model))
        if not request.prompt:
            return await self._load(request, is_chat=False)
        if request.raw:
            return await _answer(http, request, self._raw(request, persona))

        def translated(model: ChatModel) -> Translation:
            earlier = read_context(request.context or (), model.tokenizer)
            return translate_generate(request, today(), persona, earlier)

        return await _answer(http, request, self._lines(request, translated))

    async def _load(
        self, request: schema.ChatRequest | schema.GenerateRequest, *, is_chat: bool
    ) -> Response:
        """A request that asks nothing loads the model, or lets it go."""
        keep_alive = _keep_alive(request)
        name = without_tag(request.model)
        if keep_alive != 0:
            async with self._models.lease(name, keep_alive):
                pass
        elif not await self._models.unload(name) and self._is_loaded(name):
            async with self._models.lease(name, 0):  # whoever uses it is the last
                pass
        reason = "unload" if keep_alive == 0 else "load"
        return JSONResponse(bare(request.model, reason, is_chat=is_chat))

    def _is_loaded(self, name: str) -> bool:
        return any(loaded.name == name for loaded in self._models.loaded())

    async def _lines(
        self,
        request: schema.ChatRequest | schema.GenerateRequest,
        translated: Callable[[ChatModel], Translation],
    ) -> AsyncGenerator[Wire, None]:
        start = time.perf_counter()
        async with self._models.lease(without_tag(request.model), _keep_alive(request)) as model:
            translation = await run_in_threadpool(translated, model)
            asked = translation.asked
            is_chat = isinstance(request, schema.ChatRequest)
            seconds = time.perf_counter() - start
            writer = Lines(request.model, translation.names, is_chat, seconds)
            answer = self._context.answer(model, asked)
            async with aclosing(answer) as events:
                async for event in events:
                    if isinstance(event, Failed):
                        raise event.error
                    for line in writer.take(event):
                        if isinstance(event, Done) and line["done"]:
                            self._keep(writer)
                            if not is_chat:
                                ids = context_ids(asked.messages, writer.text, model.tokenizer)
                                line["context"] = ids
                        yield line

    def _keep(self, writer: Lines) -> None:
        for call_id in writer.calls:
            self._recall.keep(call_id, writer.reasoning)

    async def _raw(
        self, request: schema.GenerateRequest, persona: Transcript
    ) -> AsyncGenerator[Wire, None]:
        start = time.perf_counter()
        async with self._models.lease(without_tag(request.model), _keep_alive(request)) as model:
            asked = translate_raw(request, persona, model.tokenizer)
            seconds = time.perf_counter() - start
            writer = RawLines(request.model, asked, model.tokenizer, seconds)
            watch = self._context.metrics.watch(self._models.name_of(model))
            with watch.failing():
                async with aclosing(model.service.astream(asked.request)) as outputs:
                    async for output in outputs:
                        if isinstance(output, Token):
                            watch.note_piece()
                        for line in writer.take(output):
                            yield line
                        if writer.is_over:
                            break


async def _answer(
    http: Request,
    request: schema.ChatRequest | schema.GenerateRequest,
    lines: AsyncGenerator[Wire, None],
) -> Response:
    """Ollama streams unless it is told not to."""
    if request.stream is False:
        return await collected(http, lines, whole)
    return await streamed(http, FORM, lines)


def _keep_alive(request: schema.ChatRequest | schema.GenerateRequest) -> float | None:
    return None if request.keep_alive is None else seconds_of(request.keep_alive)


class _Models:
    """What is here, and what is done with it."""

    def __init__(self, context: ServerContext) -> None:
        self._models = context.models

    async def tags(self, _: Request) -> Response:
        """``/api/tags``: all that are whole."""
        names = self._models.names()
        return JSONResponse({"models": await run_in_threadpool(list, self._entries(names))})

    async def ps(self, _: Request) -> Response:
        """``/api/ps``: those in memory."""
        return JSONResponse({"models": await run_in_threadpool(self._running)})

    async def show(self, _: Request, document: Any) -> Response:
        """``/api/show``."""
        name = self._meant(manage.asked_name(validated(schema.NamedRequest, document)))
        return JSONResponse(await run_in_threadpool(shown, name))

    async def create(self, http: Request, document: Any) -> Response:
        """``/api/create``."""
        request = validated(schema.CreateRequest, document)

        def steps() -> Iterator[Wire]:
            manage.create(request)
            yield manage.SUCCESS

        return await _told(http, steps(), request.stream)

    async def copy(self, _: Request, document: Any) -> Response:
        """``/api/copy``."""
        await run_in_threadpool(manage.copy, validated(schema.CopyRequest, document))
        return Response()

    async def delete(self, _: Request, document: Any) -> Response:
        """``/api/delete``."""
        name = manage.asked_name(validated(schema.NamedRequest, document))
        await run_in_threadpool(manage.check_here, name)
        await self._models.unload(name)
        await run_in_threadpool(manage.delete, name)
        return Response()

    async def pull(self, http: Request, document: Any) -> Response:
        """``/api/pull``."""
        request = validated(schema.NamedRequest, document)
        return await _told(http, manage.pull(manage.asked_name(request)), request.stream)

    def _meant(self, name: str) -> str:
        """What a name stands for that the server was started with; else a model's of this machine.

        Raises:
            RequestError: it is no model's.
        """
        meant = self._models.meaning(name)
        if meant is None:
            manage.check_here(name)
        return meant or name

    def _entries(self, names: Iterable[str]) -> Iterator[Wire]:
        for name in names:
            try:
                yield entry(self._models.meaning(name) or name) | _called(name)
            except OssiaError:
                continue  # not whole, or gone: who asks for it is told

    def _running(self) -> list[Wire]:
        now = datetime.now(UTC)
        found = []
        for loaded in self._models.loaded():
            left = loaded.seconds_left
            wait = _FOR_EVER if math.isinf(left) else timedelta(seconds=left)
            more = {
                "size": loaded.num_bytes,
                "size_vram": 0,
                "expires_at": (now + wait).isoformat().replace("+00:00", "Z"),
                "context_length": loaded.context,
            }
            found += [told | more for told in self._entries([loaded.name])]
        return found


def _called(name: str) -> Wire:
    return {"name": with_tag(name), "model": with_tag(name)}


async def _told(http: Request, steps: Iterator[Wire], stream: bool | None) -> Response:
    """Steps of something that takes a while, made on a thread."""
    if stream is False:
        return await collected(http, threaded(steps), lambda told: list(told)[-1])
    return await streamed(http, FORM, threaded(steps))
