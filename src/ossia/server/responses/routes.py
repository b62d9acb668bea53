"""``/v1/responses``: who is asked for what, and in which form it goes back.

Knows HTTP; what the fields mean ``translate`` knows, how a response is made ``making``.
"""

import asyncio
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ossia.server.context import ServerContext
from ossia.server.exchange import Wire, client_of, streamed, unless_gone
from ossia.server.responses.conversations import conversation_routes
from ossia.server.responses.http import FORM, listed, page_of, query_of, with_body, without_body
from ossia.server.responses.making import Making
from ossia.server.responses.schema import (
    CountRequest,
    PageQuery,
    ReplayQuery,
    ResponseRequest,
    SearchQuery,
)
from ossia.server.responses.sealing import Seal
from ossia.server.responses.service import Responses
from ossia.server.validation import validated
from ossia.server.vocabulary import raw_shown, shown

_ONE = "/v1/responses/{id}"


def routes(context: ServerContext) -> list[Route]:
    """The dialect's routes.

    Raises:
        OssiaError: the key for sealed reasoning cannot be had.
    """
    at = _Endpoints(Responses(context, Seal(context.store.folder)), context)
    return [
        Route("/v1/responses", with_body(at.create), methods=["POST"]),
        Route("/v1/responses/input_tokens", with_body(at.count), methods=["POST"]),
        Route(_ONE, without_body(at.retrieve)),
        Route(_ONE, without_body(at.delete), methods=["DELETE"]),
        Route(f"{_ONE}/cancel", without_body(at.cancel), methods=["POST"]),
        Route(f"{_ONE}/input_items", without_body(at.inputs)),
        Route("/ossia/harmony", with_body(at.rendered), methods=["POST"]),
        Route("/ossia/responses/{id}/harmony", without_body(at.raw)),
        Route("/ossia/responses/search", without_body(at.search)),
        *conversation_routes(context.store),
    ]


class _Endpoints:
    """What each address does."""

    def __init__(self, responses: Responses, context: ServerContext) -> None:
        self._responses, self._store, self._models = responses, context.store, context.models

    async def create(self, http: Request, document: Any) -> Response:
        """A new response: whole, as events, or at once where it is made in the background."""
        request = validated(ResponseRequest, document)
        making = await self._responses.start(request, client_of(http))
        if request.stream:
            return await streamed(http, FORM, self._responses.events(making))
        if request.background:
            return JSONResponse(making.snapshot())
        return JSONResponse(await unless_gone(http, self._whole(making)))

    async def _whole(self, making: Making) -> Wire:
        async with aclosing(self._responses.events(making)) as events:
            async for _ in events:
                pass
        if making.error is not None:
            raise making.error
        return making.response

    async def count(self, http: Request, document: Any) -> Response:
        """Tokens of what a model would read."""
        request = validated(CountRequest, document)
        ids, _ = await self._responses.prompt_ids(request, client_of(http))
        return JSONResponse({"object": "response.input_tokens", "input_tokens": len(ids)})

    async def rendered(self, http: Request, document: Any) -> Response:
        """What a model would read, token by token."""
        request = validated(CountRequest, document)
        ids, tokenizer = await self._responses.prompt_ids(request, client_of(http))
        return JSONResponse({"tokens": shown(ids, tokenizer, "prompt"), "repairs": []})

    async def raw(self, http: Request) -> Response:
        """What a model read and said, token by token."""
        model, raw = await self._responses.raw(http.path_params["id"], client_of(http))
        place = self._models.find(model)
        return JSONResponse(await asyncio.to_thread(raw_shown, raw, place))

    async def retrieve(self, http: Request) -> Response:
        """A response as it is now, or its events."""
        query, owner = query_of(ReplayQuery, http), client_of(http)
        response_id = http.path_params["id"]
        if query.stream:
            events = self._responses.replay(response_id, owner, query.starting_after)
            return await streamed(http, FORM, events)
        return JSONResponse(await self._responses.find(response_id, owner))

    async def cancel(self, http: Request) -> Response:
        """A response that is stopped."""
        response_id = http.path_params["id"]
        return JSONResponse(await self._responses.cancel(response_id, client_of(http)))

    async def delete(self, http: Request) -> Response:
        """A response that is no more."""
        response_id = http.path_params["id"]
        await self._responses.delete(response_id, client_of(http))
        return JSONResponse({"id": response_id, "object": "response.deleted", "deleted": True})

    async def inputs(self, http: Request) -> Response:
        """What a response answers."""
        query = query_of(PageQuery, http)
        items = await self._responses.inputs(http.path_params["id"], client_of(http))
        return listed(page_of(items, query))

    async def search(self, http: Request) -> Response:
        """What was said with all words of a query in it, in responses and conversations."""
        query = query_of(SearchQuery, http)
        hits = await asyncio.to_thread(
            self._store.search, client_of(http), query.query, query.limit
        )
        return JSONResponse({"object": "list", "data": [asdict(hit) for hit in hits]})
