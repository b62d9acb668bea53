"""What the server's owner asks of it: which models are in memory, letting one go, how it fares.

Behind ``ossia ps``, ``ossia stop`` and ``/metrics``. Knows models and counts; nobody's words.
"""

import asyncio
import math
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ossia.server.context import ServerContext
from ossia.server.errors import RequestError
from ossia.server.metrics import counts_of
from ossia.server.models import LocalModels
from ossia.server.openai_http import refusal


def owner_routes(context: ServerContext, models: LocalModels) -> list[Route]:
    """The routes."""

    async def listing(_request: Request) -> Response:
        rows = [asdict(each) for each in models.loaded()]
        for row in rows:
            if math.isinf(row["seconds_left"]):
                row["seconds_left"] = None
        loading = [asdict(each) for each in models.loading()]
        return JSONResponse({"models": rows, "loading": loading})

    async def stopping(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            is_gone = await models.unload(name)
        except RequestError as error:
            return refusal(error)
        return JSONResponse({"name": name, "unloaded": is_gone})

    async def metrics(_request: Request) -> Response:
        pairs = models.in_memory()
        found = await asyncio.gather(
            *(asyncio.wrap_future(model.service.inspect(counts_of)) for _, model in pairs)
        )
        engines = [(name, counts) for (name, _), counts in zip(pairs, found, strict=True)]
        return Response(context.metrics.text(engines), media_type="text/plain; version=0.0.4")

    return [
        Route("/ossia/loaded", listing),
        Route("/ossia/loaded/{name:path}", stopping, methods=["DELETE"]),
        Route("/metrics", metrics),
    ]
