"""``/openapi.json``: what may be asked, told from the routes and the schemas that check requests.

Knows which schema belongs to which route; a route without a line here is refused at the start, so
that the document is true of all of them. Source: the OpenAPI specification 3.1.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ossia.base.version import VERSION
from ossia.server.anthropic import schema as anthropic
from ossia.server.chat_completions.schema import ChatCompletionRequest
from ossia.server.completions.schema import CompletionRequest
from ossia.server.house import schema as house
from ossia.server.ollama import schema as ollama
from ossia.server.responses import schema as responses

Json = dict[str, Any]
Model = type[BaseModel]

PATH = "/openapi.json"

_JSON, _NDJSON, _SSE = "application/json", "application/x-ndjson", "text/event-stream"
_REFS = "#/components/schemas/{model}"
_PREFIXES = ("/v1/", "/api/", "/ossia/", "/health", "/metrics", PATH)
"""Addresses of programs; others are the page's files."""


@dataclass(frozen=True)
class _Operation:
    """What one method of one address does.

    Attributes:
        media: what a good answer may be.
        is_raw: the body is a file's bytes.
    """

    summary: str
    body: Model | None = None
    query: Model | None = None
    media: tuple[str, ...] = (_JSON,)
    status: int = 200
    is_raw: bool = False


_OPERATIONS: dict[tuple[str, str], _Operation] = {
    ("GET", "/health"): _Operation("Whether the server is there"),
    ("GET", "/metrics"): _Operation("How it fares, for Prometheus", media=("text/plain",)),
    ("GET", PATH): _Operation("This document"),
    # OpenAI
    ("POST", "/v1/responses"): _Operation(
        "A new response", responses.ResponseRequest, media=(_JSON, _SSE)
    ),
    ("POST", "/v1/responses/input_tokens"): _Operation(
        "Tokens that a response would read", responses.CountRequest
    ),
    ("GET", "/v1/responses/{id}"): _Operation(
        "A response, or its events", query=responses.ReplayQuery, media=(_JSON, _SSE)
    ),
    ("DELETE", "/v1/responses/{id}"): _Operation("Delete a response"),
    ("POST", "/v1/responses/{id}/cancel"): _Operation("Stop a response in the background"),
    ("GET", "/v1/responses/{id}/input_items"): _Operation(
        "What a response answers", query=responses.PageQuery
    ),
    ("POST", "/v1/conversations"): _Operation("A new conversation", responses.ConversationRequest),
    ("GET", "/v1/conversations/{id}"): _Operation("A conversation"),
    ("POST", "/v1/conversations/{id}"): _Operation(
        "Other metadata of a conversation", responses.ConversationUpdate
    ),
    ("DELETE", "/v1/conversations/{id}"): _Operation("Delete a conversation"),
    ("GET", "/v1/conversations/{id}/items"): _Operation(
        "What was said in a conversation", query=responses.PageQuery
    ),
    ("POST", "/v1/conversations/{id}/items"): _Operation(
        "More items of a conversation", responses.ItemsRequest
    ),
    ("GET", "/v1/conversations/{id}/items/{item}"): _Operation("An item of a conversation"),
    ("DELETE", "/v1/conversations/{id}/items/{item}"): _Operation(
        "Take an item out of a conversation"
    ),
    ("POST", "/v1/chat/completions"): _Operation(
        "A chat completion", ChatCompletionRequest, media=(_JSON, _SSE)
    ),
    ("POST", "/v1/completions"): _Operation(
        "A continuation of text", CompletionRequest, media=(_JSON, _SSE)
    ),
    ("GET", "/v1/models"): _Operation("Models that may be asked for"),
    ("GET", "/v1/models/{name}"): _Operation("One of the models"),
    # Anthropic
    ("POST", "/v1/messages"): _Operation(
        "A message", anthropic.MessageRequest, media=(_JSON, _SSE)
    ),
    ("POST", "/v1/messages/count_tokens"): _Operation(
        "Tokens that a message would read", anthropic.CountRequest
    ),
    # Ollama
    ("GET", "/api/version"): _Operation("The version of Ollama that this speaks like"),
    ("GET", "/api/tags"): _Operation("Models that are here"),
    ("GET", "/api/ps"): _Operation("Models in memory"),
    ("DELETE", "/api/delete"): _Operation("Delete a model", ollama.NamedRequest, media=()),
    ("POST", "/api/chat"): _Operation(
        "The next message of a chat", ollama.ChatRequest, media=(_JSON, _NDJSON)
    ),
    ("POST", "/api/generate"): _Operation(
        "An answer to a prompt", ollama.GenerateRequest, media=(_JSON, _NDJSON)
    ),
    ("POST", "/api/show"): _Operation("What a model is", ollama.NamedRequest),
    ("POST", "/api/create"): _Operation(
        "A model with a manner", ollama.CreateRequest, media=(_JSON, _NDJSON)
    ),
    ("POST", "/api/copy"): _Operation("A second name", ollama.CopyRequest, media=()),
    ("POST", "/api/pull"): _Operation("Fetch a model", ollama.NamedRequest, media=(_JSON, _NDJSON)),
    ("POST", "/api/embed"): _Operation("Refused: gpt-oss makes text only"),
    ("POST", "/api/embeddings"): _Operation("Refused: gpt-oss makes text only"),
    ("POST", "/api/push"): _Operation("Refused: ossia uploads nothing"),
    # ossia's own
    ("GET", "/ossia/loaded"): _Operation("Models in memory, and on their way"),
    ("DELETE", "/ossia/loaded/{name}"): _Operation("Let a model go"),
    ("GET", "/ossia/status"): _Operation("What there is, and what goes on"),
    ("GET", "/ossia/models"): _Operation("Models, with what they take of memory"),
    ("DELETE", "/ossia/models"): _Operation("Delete a model", house.ModelName),
    ("POST", "/ossia/models/load"): _Operation("Load a model", house.LoadRequest, media=(_NDJSON,)),
    ("POST", "/ossia/models/unload"): _Operation(
        "Let a model go", house.ModelName, media=(_NDJSON,)
    ),
    ("POST", "/ossia/models/pull"): _Operation("Fetch a model", house.ModelName, media=(_NDJSON,)),
    ("GET", "/ossia/chats"): _Operation("Chats that are kept", query=house.ChatQuery),
    ("POST", "/ossia/chats"): _Operation("A new chat", house.ChatRequest, status=201),
    ("POST", "/ossia/chats/import"): _Operation(
        "A chat that was exported", house.ChatFile, status=201
    ),
    ("GET", "/ossia/chats/{id}"): _Operation("A chat with all of its nodes"),
    ("PATCH", "/ossia/chats/{id}"): _Operation("Change a chat", house.ChatChange),
    ("DELETE", "/ossia/chats/{id}"): _Operation("Delete a chat"),
    ("GET", "/ossia/chats/{id}/export"): _Operation(
        "A chat as a file", query=house.ExportQuery, media=(_JSON, "text/markdown")
    ),
    ("POST", "/ossia/chats/{id}/nodes"): _Operation(
        "What was said next", house.NodeRequest, status=201
    ),
    ("PATCH", "/ossia/chats/{id}/nodes/{node}"): _Operation("Change a node", house.NodeChange),
    ("GET", "/ossia/personas"): _Operation("Names that were given to models"),
    ("PUT", "/ossia/personas/{name}"): _Operation("Give a name", house.PersonaRequest),
    ("DELETE", "/ossia/personas/{name}"): _Operation("Take a name back"),
    ("POST", "/ossia/documents"): _Operation(
        "A file to text", query=house.DocumentQuery, is_raw=True
    ),
    ("POST", "/ossia/harmony"): _Operation("A prompt, token by token", responses.CountRequest),
    ("GET", "/ossia/responses/{id}/harmony"): _Operation("An answer, token by token"),
    ("GET", "/ossia/responses/search"): _Operation(
        "What was said, by its words", query=responses.SearchQuery
    ),
}


def openapi_route(routes: Iterable[BaseRoute]) -> Route:
    """The route of the document, which tells of itself too.

    Args:
        routes: all others.
    """
    told: list[Json] = []

    async def document(_: Request) -> Response:
        return JSONResponse(told[0])

    route = Route(PATH, document, methods=["GET"])
    told.append(openapi([*routes, route]))
    return route


def openapi(routes: Iterable[BaseRoute]) -> Json:
    """The document of some routes."""
    operations = {place: _OPERATIONS[place] for place in _places(routes)}
    used = {model for each in operations.values() for model in (each.body,) if model is not None}
    ordered = sorted(used, key=lambda model: (model.__module__, model.__name__))
    names, definitions = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=_REFS
    )
    refs = {model: names[model, "validation"] for model in ordered}
    paths: Json = {}
    for (method, path), operation in operations.items():
        paths.setdefault(path, {})[method.lower()] = _told(path, operation, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ossia", "version": VERSION},
        "paths": paths,
        "components": {"schemas": {**definitions.get("$defs", {}), "Error": _ERROR}},
    }


_ERROR: Json = {
    "description": "What is wrong, and what was expected; each dialect has its own shape.",
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": ["object", "string"]}},
}


def _places(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Methods and addresses, as the document writes them."""
    for route in routes:
        if isinstance(route, Route) and route.path.startswith(_PREFIXES):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, re.sub(r":\w+}", "}", route.path)


def _told(path: str, operation: _Operation, refs: dict[Model, Json]) -> Json:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", path)
    ]
    if operation.query is not None:
        parameters += _query(operation.query)
    good = {
        "description": "Done",
        "content": {media: {} for media in operation.media},
    }
    bad = {
        "description": "Refused: see the message",
        "content": {_JSON: {"schema": {"$ref": _REFS.format(model="Error")}}},
    }
    told: Json = {
        "summary": operation.summary,
        "responses": {str(operation.status): good, "4XX": bad, "5XX": bad},
    }
    if parameters:
        told["parameters"] = parameters
    if operation.body is not None:
        told["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": refs[operation.body]}},
        }
    elif operation.is_raw:
        told["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return told


def _query(model: Model) -> Iterator[Json]:
    schema = model.model_json_schema()
    for name, each in schema["properties"].items():
        required = name in schema.get("required", ())
        yield {"name": name, "in": "query", "required": required, "schema": each}
