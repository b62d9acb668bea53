"""The whole server as one ASGI application: every dialect's routes, and what any server is asked.

Knows which dialects there are; what they say they know themselves.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Match, Route

from ossia.agent import Equipment
from ossia.agent.chats import Chats, open_chats
from ossia.base.errors import OssiaError
from ossia.base.version import VERSION
from ossia.server.anthropic import routes as anthropic
from ossia.server.chat_completions import routes as chat_completions
from ossia.server.completions import routes as completions
from ossia.server.context import ServerContext
from ossia.server.errors import RequestError
from ossia.server.guard import Guard, Guarding
from ossia.server.house.routes import house_routes
from ossia.server.model_list import routes as model_list
from ossia.server.models import LocalModels
from ossia.server.ollama import routes as ollama
from ossia.server.openai_http import refusal
from ossia.server.openapi import openapi_route
from ossia.server.owner import owner_routes
from ossia.server.responses import routes as responses
from ossia.server.responses.items import words_of
from ossia.server.store import open_store
from ossia.server.toolsets import Toolsets

SHUTDOWN_SECONDS = 10.0
"""How long answers may go on after the server was asked to end."""

_log = logging.getLogger("ossia.server")

DIALECTS = (responses, chat_completions, completions, model_list, ollama, anthropic)
"""Each makes its routes of what the server has."""


def build_app(
    models: LocalModels,
    guarding: Guarding,
    first: Iterable[str] = (),
    equipment: Equipment | None = None,
) -> Starlette:
    """The server's application; its end lets the models go.

    Args:
        first: models that are loaded before anybody asks.
        equipment: the tools that run here, for whoever may ask; None is none.
    """
    toolsets = Toolsets(equipment or Equipment())
    store = open_store(words_of)
    chats = Chats(None) if store.folder is None else open_chats()  # who keeps nothing keeps none
    context = ServerContext(models, store=store, toolsets=toolsets, chats=chats)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(_load(app, models, first)),
            asyncio.create_task(models.keep_watch()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await models.aclose(SHUTDOWN_SECONDS)
            await asyncio.gather(*context.tasks, return_exceptions=True)
            await toolsets.aclose()
            chats.close()
            store.close()

    routes = [
        Route("/", _greet, methods=["GET", "HEAD"]),
        Route("/health", _health),
        *owner_routes(context, models),
        *house_routes(context, models),
        *(route for dialect in DIALECTS for route in dialect.routes(context)),
    ]
    return Starlette(
        routes=[*routes, openapi_route(routes)],
        middleware=[Middleware(Guard, guarding)],
        exception_handlers={
            404: _not_there,
            405: _not_so,
            RequestError: _refused,
            ClientDisconnect: _gone,
            Exception: _failed,
        },
        lifespan=lifespan,
    )


def failure_of(app: Any) -> OssiaError | None:
    """Why a server cannot go on, if it cannot: a model that it was started for does not load."""
    failure: OssiaError | None = getattr(app.state, "failure", None)
    return failure


async def _load(app: Starlette, models: LocalModels, names: Iterable[str]) -> None:
    """Loads models before anybody asks; who asks meanwhile waits for them."""
    try:
        for name in names:
            async with models.lease(name):
                pass
    except RequestError as error:
        app.state.failure = OssiaError(error.message)
    except OssiaError as error:
        app.state.failure = error
    except Exception:
        _log.exception("loading failed")
        app.state.failure = OssiaError("ossia met a bug while it loaded; its log tells more")


async def _greet(_request: Request) -> Response:
    return PlainTextResponse(f"ossia {VERSION} is running")


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok", "version": VERSION})


async def _not_there(request: Request, _error: Exception) -> Response:
    what = f"nothing answers at {request.url.path!r:.100}"
    return refusal(RequestError(404, what, "not_found"))


async def _not_so(request: Request, _error: Exception) -> Response:
    """An address that is there, for other methods: those of all its routes."""
    known = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    allowed = ", ".join(sorted(known))
    what = f"{request.url.path!r:.100} answers {allowed}, not {request.method:.20}"
    response = refusal(RequestError(405, what, "method_not_allowed"))
    response.headers["Allow"] = allowed
    return response


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return refusal(error)


async def _gone(_request: Request, _error: Exception) -> Response:
    """The client went in the middle of its request; nobody reads this."""
    return Response(status_code=400)


async def _failed(_request: Request, _error: Exception) -> Response:
    """What nobody foresaw: Starlette has logged how it came about."""
    return refusal(RequestError(500, "ossia met a bug; its log tells more", "internal_error"))
