"""``/v1/conversations``: what is said over many responses, kept under one id.

Knows HTTP and the store; knows no model. Source: OpenAI's API reference, conversations.
"""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ossia.server.errors import RequestError
from ossia.server.exchange import client_of
from ossia.server.responses.http import (
    listed,
    no_such_item,
    query_of,
    with_body,
    without_body,
)
from ossia.server.responses.items import Item, kept_items, resolved
from ossia.server.responses.schema import (
    ConversationRequest,
    ConversationUpdate,
    ItemsRequest,
    PageQuery,
)
from ossia.server.store import Page, Store
from ossia.server.validation import validated

_ONE = "/v1/conversations/{id}"
_ITEMS = f"{_ONE}/items"
_ITEM = f"{_ITEMS}/{{item}}"


def conversation_routes(store: Store) -> list[Route]:
    """The routes."""
    at = _Endpoints(store)
    return [
        Route("/v1/conversations", with_body(at.create), methods=["POST"]),
        Route(_ONE, without_body(at.retrieve)),
        Route(_ONE, with_body(at.update), methods=["POST"]),
        Route(_ONE, without_body(at.delete), methods=["DELETE"]),
        Route(_ITEMS, without_body(at.items)),
        Route(_ITEMS, with_body(at.add), methods=["POST"]),
        Route(_ITEM, without_body(at.item)),
        Route(_ITEM, without_body(at.remove), methods=["DELETE"]),
    ]


class _Endpoints:
    """What each address does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, http: Request, document: Any) -> Response:
        """A new conversation, which may begin with items."""
        request, owner = validated(ConversationRequest, document), client_of(http)
        items = await self._kept(request.items, owner)
        made = await asyncio.to_thread(
            self._store.add_conversation, owner, request.metadata or {}, items
        )
        return _told(made)

    async def retrieve(self, http: Request) -> Response:
        """A conversation without its items."""
        return _told(await self._found(http))

    async def update(self, http: Request, document: Any) -> Response:
        """A conversation with other metadata."""
        request = validated(ConversationUpdate, document)
        metadata = request.metadata or {}
        owner, conversation_id = client_of(http), http.path_params["id"]
        await asyncio.to_thread(self._store.describe, owner, conversation_id, metadata)
        return _told(await self._found(http))

    async def delete(self, http: Request) -> Response:
        """A conversation that is no more, and nothing that was said in it."""
        owner, conversation_id = client_of(http), http.path_params["id"]
        is_gone = await asyncio.to_thread(
            self._store.delete, owner, "conversations", conversation_id
        )
        if not is_gone:
            raise _unknown(conversation_id)
        told = {"id": conversation_id, "object": "conversation.deleted", "deleted": True}
        return JSONResponse(told)

    async def items(self, http: Request) -> Response:
        """A part of what was said."""
        query = query_of(PageQuery, http)
        await self._found(http)
        page = await asyncio.to_thread(
            self._store.page,
            client_of(http),
            http.path_params["id"],
            query.limit,
            query.after,
            is_descending=query.order == "desc",
        )
        if page is None:
            raise no_such_item("after", query.after or "")
        return listed(page)

    async def add(self, http: Request, document: Any) -> Response:
        """More items at the end."""
        request, owner = validated(ItemsRequest, document), client_of(http)
        items = await self._kept(request.items, owner)
        conversation_id = http.path_params["id"]
        if not await asyncio.to_thread(self._store.say, owner, conversation_id, items):
            raise _unknown(conversation_id)
        return listed(Page(items, has_more=False))

    async def item(self, http: Request) -> Response:
        """One item."""
        conversation_id, item_id = http.path_params["id"], http.path_params["item"]
        item = await asyncio.to_thread(self._store.item, client_of(http), item_id, conversation_id)
        if item is None:
            raise _unknown_item(item_id)
        return JSONResponse(item)

    async def remove(self, http: Request) -> Response:
        """The conversation without an item."""
        conversation_id, item_id = http.path_params["id"], http.path_params["item"]
        is_gone = await asyncio.to_thread(
            self._store.remove_item, client_of(http), conversation_id, item_id
        )
        if not is_gone:
            raise _unknown_item(item_id)
        return _told(await self._found(http))

    async def _found(self, http: Request) -> dict[str, Any]:
        conversation_id = http.path_params["id"]
        found = await asyncio.to_thread(self._store.conversation, client_of(http), conversation_id)
        if found is None:
            raise _unknown(conversation_id)
        return found

    async def _kept(self, items: list[Item] | None, owner: str) -> list[Item]:
        kept = kept_items(items, "items")
        return await asyncio.to_thread(
            resolved, kept, lambda item_id: self._store.item(owner, item_id), "items"
        )


def _told(conversation: dict[str, Any]) -> Response:
    return JSONResponse({"object": "conversation", **conversation})


def _unknown(conversation_id: str) -> RequestError:
    return RequestError(
        404, f"no conversation {conversation_id!r:.80}", "not_found", "conversation_id"
    )


def _unknown_item(item_id: str) -> RequestError:
    return RequestError(
        404, f"no item {item_id!r:.80} in this conversation", "not_found", "item_id"
    )
