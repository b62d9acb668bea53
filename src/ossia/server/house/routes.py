"""``/ossia/``: who is asked for what, and in which form it goes back.

Knows HTTP; what is done the modules beside it know.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ossia.server.context import ServerContext
from ossia.server.exchange import client_of, streamed
from ossia.server.house import management
from ossia.server.house.catalogue import catalogue
from ossia.server.house.chats import chat_routes
from ossia.server.house.documents import document_routes
from ossia.server.house.http import FORM, with_body, without_body
from ossia.server.house.personas import persona_routes
from ossia.server.house.schema import LoadRequest, ModelName
from ossia.server.house.status import Status
from ossia.server.models import LocalModels
from ossia.server.streaming import threaded
from ossia.server.validation import validated


def house_routes(context: ServerContext, models: LocalModels) -> list[Route]:
    """The routes."""
    return [
        *_status_routes(context, models),
        *_model_routes(models),
        *chat_routes(context.chats),
        *persona_routes(),
        *document_routes(models),
    ]


def _status_routes(context: ServerContext, models: LocalModels) -> list[Route]:
    status = Status(context, models)

    async def told(http: Request) -> Response:
        return JSONResponse(await status.told(client_of(http)))

    return [Route("/ossia/status", without_body(told), methods=["GET"])]


def _model_routes(models: LocalModels) -> list[Route]:
    async def listing(_: Request) -> Response:
        return JSONResponse(await catalogue(models))

    async def load(http: Request, document: Any) -> Response:
        asked = validated(LoadRequest, document)
        models.find(asked.name)  # refuses what there is not, while a status can still be told
        return await streamed(http, FORM, management.load(models, asked.name, asked.keep_alive))

    async def unload(_: Request, document: Any) -> Response:
        await management.unload(models, validated(ModelName, document).name)
        return Response(FORM.encode(management.state("done")), media_type=FORM.media_type)

    async def pull(http: Request, document: Any) -> Response:
        steps = management.pull(validated(ModelName, document).name)
        return await streamed(http, FORM, threaded(steps))

    async def delete(_: Request, document: Any) -> Response:
        name = validated(ModelName, document).name
        await management.delete(models, name)
        return JSONResponse({"name": name, "deleted": True})

    return [
        Route("/ossia/models", without_body(listing), methods=["GET"]),
        Route("/ossia/models", with_body(delete), methods=["DELETE"]),
        Route("/ossia/models/load", with_body(load), methods=["POST"]),
        Route("/ossia/models/unload", with_body(unload), methods=["POST"]),
        Route("/ossia/models/pull", with_body(pull), methods=["POST"]),
    ]
