"""``/ossia/chats``: what is kept of conversations, for the page and for whoever goes on with it.

Knows HTTP and whose chats they are; how they are kept ``agent.chats`` knows.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ossia.agent.chats import Chats, as_document, as_markdown, from_document
from ossia.base.errors import InputError
from ossia.server.errors import RequestError
from ossia.server.exchange import client_of
from ossia.server.house.http import query_of, with_body, without_body
from ossia.server.house.schema import (
    ChatChange,
    ChatQuery,
    ChatRequest,
    ExportQuery,
    NodeChange,
    NodeRequest,
)
from ossia.server.validation import validated

T = TypeVar("T")

_ONE = "/ossia/chats/{id}"


def chat_routes(chats: Chats) -> list[Route]:
    """The routes."""
    at = _Endpoints(chats)
    return [
        Route("/ossia/chats", without_body(at.listing), methods=["GET"]),
        Route("/ossia/chats", with_body(at.create), methods=["POST"]),
        Route("/ossia/chats/import", with_body(at.take), methods=["POST"]),
        Route(_ONE, without_body(at.chat), methods=["GET"]),
        Route(_ONE, with_body(at.change), methods=["PATCH"]),
        Route(_ONE, without_body(at.delete), methods=["DELETE"]),
        Route(f"{_ONE}/export", without_body(at.give), methods=["GET"]),
        Route(f"{_ONE}/nodes", with_body(at.add), methods=["POST"]),
        Route(f"{_ONE}/nodes/{{node}}", with_body(at.update), methods=["PATCH"]),
    ]


class _Endpoints:
    """What each address does."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats

    async def listing(self, http: Request) -> Response:
        """Heads of chats, the one changed last first."""
        asked = query_of(ChatQuery, http)
        page = await _there(
            self._chats.heads, client_of(http), asked.query, asked.limit, asked.before
        )
        return JSONResponse(
            {"data": [head.to_json() for head in page.heads], "has_more": page.has_more}
        )

    async def create(self, http: Request, document: Any) -> Response:
        """An empty chat."""
        asked = validated(ChatRequest, document)
        head = await _there(
            self._chats.create, client_of(http), asked.model, asked.title, asked.persona
        )
        return JSONResponse(head.to_json(), 201)

    async def take(self, http: Request, document: Any) -> Response:
        """A chat that was exported, under a new id."""
        chat = await asyncio.to_thread(from_document, document)
        head = await _there(self._chats.put, client_of(http), chat)
        return JSONResponse(head.to_json(), 201)

    async def chat(self, http: Request) -> Response:
        """A chat with all of its nodes."""
        chat = await _there(self._chats.chat, client_of(http), http.path_params["id"])
        return JSONResponse(chat.to_json())

    async def change(self, http: Request, document: Any) -> Response:
        """Another title, leaf, model or persona."""
        given = validated(ChatChange, document).model_dump(exclude_none=True)
        head = await _there(
            lambda: self._chats.change(client_of(http), http.path_params["id"], **given)
        )
        return JSONResponse(head.to_json())

    async def delete(self, http: Request) -> Response:
        """A chat that is no more."""
        chat_id = http.path_params["id"]
        await _there(self._chats.delete, client_of(http), chat_id)
        return JSONResponse({"id": chat_id, "deleted": True})

    async def give(self, http: Request) -> Response:
        """A chat as a file."""
        form = query_of(ExportQuery, http).format
        chat = await _there(self._chats.chat, client_of(http), http.path_params["id"])
        title, end = chat.head.title or "chat", "md" if form == "markdown" else "json"
        known = f"filename=chat.{end}; filename*=UTF-8''{quote(title, safe='')}.{end}"
        headers = {"Content-Disposition": f"attachment; {known}"}
        if form == "markdown":
            text = await asyncio.to_thread(as_markdown, chat)
            text = text.encode("utf-8", "replace").decode()
            return Response(text, headers=headers, media_type="text/markdown")
        return JSONResponse(as_document(chat), headers=headers)

    async def add(self, http: Request, document: Any) -> Response:
        """What was said next."""
        asked = validated(NodeRequest, document)
        node = await _there(
            self._chats.add,
            *(client_of(http), http.path_params["id"], asked.parent, asked.role),
            *(asked.items, asked.meta, asked.id),
        )
        return JSONResponse(node.to_json(), 201)

    async def update(self, http: Request, document: Any) -> Response:
        """What was said after all."""
        asked = validated(NodeChange, document)
        place = client_of(http), http.path_params["id"], http.path_params["node"]
        node = await _there(self._chats.update, *place, asked.items, asked.meta)
        return JSONResponse(node.to_json())


async def _there(work: Callable[..., T], *arguments: Any) -> T:
    """Does something with what is kept, on a thread.

    Raises:
        RequestError: it is not there.
    """
    try:
        return await asyncio.to_thread(work, *arguments)
    except InputError as error:
        raise RequestError(404, str(error), "not_found") from None
