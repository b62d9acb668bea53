"""``/ossia/personas``: names that the user gave to a model with a manner.

Knows what of a persona the page shows; its file is hub's, and what is possible ``agent`` knows.
"""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ossia import hub
from ossia.agent import opening
from ossia.base.errors import InputError
from ossia.hub import Persona
from ossia.hub.names import is_path
from ossia.hub.personas import find_persona, forget, personas, put
from ossia.server.errors import RequestError
from ossia.server.house.http import with_body, without_body
from ossia.server.house.schema import PersonaRequest
from ossia.server.validation import validated, wrong

_SHOWN = ("temperature", "top_p")


def persona_routes() -> list[Route]:
    """The routes."""
    one = "/ossia/personas/{name}"
    return [
        Route("/ossia/personas", without_body(_listing), methods=["GET"]),
        Route(one, with_body(_put), methods=["PUT"]),
        Route(one, without_body(_delete), methods=["DELETE"]),
    ]


async def _listing(_: Request) -> Response:
    rows = await asyncio.to_thread(lambda: list(personas()))
    told = [_told(str(name), each) for name, each in rows if isinstance(each, Persona)]
    return JSONResponse({"data": told})


async def _put(http: Request, document: Any) -> Response:
    asked = validated(PersonaRequest, document)
    name = http.path_params["name"]
    return JSONResponse(_told(name, await asyncio.to_thread(_kept, name, asked)))


async def _delete(http: Request) -> Response:
    name = http.path_params["name"]
    await asyncio.to_thread(_forget, name)
    return JSONResponse({"name": name, "deleted": True})


def _kept(text: str, asked: PersonaRequest) -> Persona:
    """A persona as it is kept. Settings that the page does not show stay as they were.

    Raises:
        RequestError, InputError: it is not possible; nothing was changed.
    """
    name = hub.parse_own(text)
    if is_path(asked.model):
        raise wrong("model", "expected a name, not a path")
    base = hub.meaning(asked.model)
    try:
        before = find_persona(name)
    except InputError:  # damaged: it is written anew
        before = None
    settings = dict(before.settings if before is not None else {})
    for key in _SHOWN:
        settings.pop(key, None)
        if (value := getattr(asked, key)) is not None:
            settings[key] = value
    persona = Persona(base.model, asked.system, asked.effort, settings, tuple(asked.tools))
    opening(persona)  # refuses what no conversation can have
    put(name, persona)
    return persona


def _forget(text: str) -> None:
    try:
        forget(hub.parse_own(text))
    except InputError as error:
        raise RequestError(404, str(error), "not_found", "name") from None


def _told(name: str, persona: Persona) -> dict[str, Any]:
    return {
        "name": name,
        "model": persona.model,
        "system": persona.system,
        "effort": persona.effort,
        **{key: persona.settings.get(key) for key in _SHOWN},
        "tools": list(persona.tools),
    }
