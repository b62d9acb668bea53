"""Clients of OpenAI's package that look at all that comes: nothing passes unchecked.

Knows HTTP and which check is meant for what; what holds the checks know.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from tests.server.openai_document import accept
from tests.server.response_streams import check_beginning, check_events, check_response

Json = dict[str, Any]

_SCHEMAS = {
    "conversation": "ConversationResource",
    "conversation.deleted": "DeletedConversationResource",
    "response.input_tokens": "TokenCountsResource",
}
_LISTS = {"input_items": "ResponseItemList", "items": "ConversationItemList"}


def watched_client(address: str) -> openai.OpenAI:
    """A client of a server whose every answer is checked."""
    http = openai.DefaultHttpxClient(transport=_Transport(retries=0))
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0, http_client=http)


def watched_async_client(address: str) -> openai.AsyncOpenAI:
    """The same for event loops."""
    http = openai.DefaultAsyncHttpxClient(transport=_AsyncTransport(retries=0))
    return openai.AsyncOpenAI(
        base_url=f"{address}/v1", api_key="none", max_retries=0, http_client=http
    )


def check_stream(text: str, *, is_whole: bool) -> None:
    """Checks server-sent events; one that was taken up in its middle has no beginning to check."""
    events = events_in(text)
    if not events or events[0]["sequence_number"] > 0:
        return
    if is_whole:
        check_events(events)
    else:
        check_beginning(events)


def events_in(text: str) -> list[Json]:
    """The events of a stream's text, as far as they are whole; each has the name its data says."""
    found = []
    *blocks, _ = text.split("\n\n")
    for block in blocks:
        if not block.startswith(":"):
            name, data = block.split("\n")
            found.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {found[-1]['type']}"
    return found


def check_object(path: str, document: Json) -> None:
    """Checks one object by what it says it is, and where it was found."""
    if "error" in document and "object" not in document:
        accept("ErrorResponse", document)
        return
    match document.get("object"):
        case "response":
            check_response(document)
        case "list" if path.rpartition("/")[2] in _LISTS:
            accept(_LISTS[path.rpartition("/")[2]], document)
        case str(kind) if kind in _SCHEMAS:
            accept(_SCHEMAS[kind], document)
        case _ if "/items/" in path:
            accept("ConversationItem", document)


def _is_watched(request: httpx2.Request) -> bool:
    return request.url.path.startswith(("/v1/responses", "/v1/conversations"))


def _check(request: httpx2.Request, response: httpx2.Response) -> None:
    if response.headers["content-type"] == "application/json":
        check_object(urlsplit(str(request.url)).path, response.json())


class _Stream(httpx2.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream) -> None:
        self._inner, self._read, self._is_whole = inner, b"", False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._inner:
            self._read += piece
            yield piece
        self._is_whole = True

    def close(self) -> None:
        self._inner.close()
        check_stream(self._read.decode(errors="ignore"), is_whole=self._is_whole)


class _AsyncStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner, self._read, self._is_whole = inner, b"", False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._inner:
            self._read += piece
            yield piece
        self._is_whole = True

    async def aclose(self) -> None:
        await self._inner.aclose()
        check_stream(self._read.decode(errors="ignore"), is_whole=self._is_whole)


class _Transport(httpx2.HTTPTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        if _is_watched(request):
            if response.headers["content-type"].startswith("text/event-stream"):
                assert isinstance(response.stream, httpx2.SyncByteStream)
                response.stream = _Stream(response.stream)
            else:
                response.read()
                _check(request, response)
        return response


class _AsyncTransport(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if _is_watched(request):
            if response.headers["content-type"].startswith("text/event-stream"):
                assert isinstance(response.stream, httpx2.AsyncByteStream)
                response.stream = _AsyncStream(response.stream)
            else:
                await response.aread()
                _check(request, response)
        return response
