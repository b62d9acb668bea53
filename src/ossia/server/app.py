"""The whole server as one ASGI application: every dialect's routes, and what any server is asked.

Knows which dialects there are; what they say they know themselves.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ossia.base.version import VERSION
from ossia.server.anthropic import routes as anthropic
from ossia.server.chat_completions import routes as chat_completions
from ossia.server.completions import routes as completions
from ossia.server.context import ServerContext
from ossia.server.errors import RequestError
from ossia.server.guard import Guard, Guarding
from ossia.server.model_list import routes as model_list
from ossia.server.models import LocalModels
from ossia.server.ollama import routes as ollama
from ossia.server.openai_http import refusal
from ossia.server.owner import owner_routes

SHUTDOWN_SECONDS = 10.0
"""How long answers may go on after the server was asked to end."""


DIALECTS = (chat_completions, completions, model_list, ollama, anthropic)
"""Each makes its routes of what the server has."""


def build_app(models: LocalModels, guarding: Guarding, first: Iterable[str] = ()) -> Starlette:
    """The server's application; its end lets the models go.

    Args:
        first: models that are loaded before anybody asks.
    """
    context = ServerContext(models)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        for name in first:
            async with models.lease(name):
                pass
        watch = asyncio.create_task(models.keep_watch())
        try:
            yield
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
            await models.aclose(SHUTDOWN_SECONDS)

    return Starlette(
        routes=[
            Route("/", _greet, methods=["GET", "HEAD"]),
            Route("/health", _health),
            *owner_routes(models),
            *(route for dialect in DIALECTS for route in dialect.routes(context)),
        ],
        middleware=[Middleware(Guard, guarding)],
        exception_handlers={404: _not_there, 405: _not_there, Exception: _failed},
        lifespan=lifespan,
    )


async def _greet(_request: Request) -> Response:
    return PlainTextResponse(f"ossia {VERSION} is running")


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok", "version": VERSION})


async def _not_there(request: Request, _error: Exception) -> Response:
    what = f"nothing answers {request.method} {request.url.path!r:.100}"
    return refusal(RequestError(404, what, "not_found"))


async def _failed(_request: Request, _error: Exception) -> Response:
    """What nobody foresaw: Starlette has logged how it came about."""
    return refusal(RequestError(500, "ossia met a bug; its log tells more", "internal_error"))
