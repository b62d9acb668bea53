"""``GET /v1/models``: what may be asked for, with what is known of each.

One address for two dialects: a request with Anthropic's version header is answered in Anthropic's
shape. Source: OpenAI's API reference, the model object; ``context_length`` and ``max_model_len``
beside it are what OpenRouter's and vLLM's clients look for.
"""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ossia import hub
from ossia.base.errors import OssiaError
from ossia.checkpoint import open_checkpoint
from ossia.hub import EMBEDDED
from ossia.model import Config
from ossia.server.anthropic.models import model_info, model_page
from ossia.server.context import ServerContext
from ossia.server.errors import RequestError
from ossia.server.openai_http import refusal


def described(name: str, meaning: str) -> dict[str, Any]:
    """A model as OpenAI's API tells of it. Reads the checkpoint's headers and no weight.

    Args:
        meaning: the model that the name stands for.

    Raises:
        OssiaError: it cannot be opened.
    """
    source = open_checkpoint(hub.resolve(meaning))
    context = Config.from_mapping(source.config).max_context
    return {
        "id": name,
        "object": "model",
        "created": int(max(path.stat().st_mtime for path in source.files)),
        "owned_by": "ossia" if meaning in EMBEDDED else "openai",
        "context_length": context,
        "max_model_len": context,
    }


def routes(context: ServerContext) -> list[Route]:
    """The list, and one model of it."""

    def one(name: str) -> dict[str, Any]:
        return described(name, context.models.meaning(name) or name)

    def known(names: list[str]) -> list[dict[str, Any]]:
        found = []
        for name in names:
            try:
                found.append(one(name))
            except OssiaError:
                continue  # its files are damaged; who asks for it by name is told
        return found

    async def models(request: Request) -> Response:
        names = context.models.names()
        if "anthropic-version" in request.headers:
            return JSONResponse(model_page(names))
        return JSONResponse({"object": "list", "data": await run_in_threadpool(known, names)})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in context.models.names():
            what = f"there is no model {name!r:.100}"
            return refusal(RequestError(404, what, "model_not_found", "model"))
        if "anthropic-version" in request.headers:
            return JSONResponse(model_info(name))
        return JSONResponse(await run_in_threadpool(one, name))

    return [
        Route("/v1/models", models, methods=["GET"]),
        Route("/v1/models/{name:path}", model, methods=["GET"]),
    ]
