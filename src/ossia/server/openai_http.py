"""How OpenAI's older endpoints answer over HTTP: one JSON object, or server-sent events.

An error before the first piece has its own status; one after it is an event of the stream, for the
status is sent by then. Source: OpenAI's API reference on streaming, and the ``openai`` package.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ossia.base.errors import OssiaError
from ossia.server.errors import RequestError
from ossia.server.openai_errors import error_body, error_of

_Json = dict[str, Any]


class Job(Protocol):
    """An answer that can be had in both forms."""

    def chunks(self) -> AsyncGenerator[_Json, None]:
        """The objects of a stream."""

    async def whole(self) -> _Json:
        """One object."""


def endpoint(
    start: Callable[[Any], Job], subject: str
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """A route's function.

    Args:
        start: makes a job of a request's JSON.
        subject: the field that holds what the model reads.
    """

    async def answer(request: Request) -> Response:
        try:
            document = await read_json(request)
            job = start(document)
            if document.get("stream"):
                return await _streamed(job, subject)
            whole = await _unless_gone(request, job.whole())
            return JSONResponse(whole)
        except (RequestError, OssiaError) as error:
            return refusal(error_of(error, subject))

    return answer


async def read_json(request: Request) -> Any:
    """The JSON of a request.

    Raises:
        RequestError: there is none.
    """
    try:
        return json.loads(await request.body(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"the body is not JSON: {error!s:.100}", "invalid_json") from None


def refusal(error: RequestError) -> Response:
    """An error as a response."""
    headers = {"Retry-After": "1"} if error.status == 429 else None
    return JSONResponse(error_body(error), error.status, headers)


async def _streamed(job: Job, subject: str) -> Response:
    """The answer as events, once the first is there."""
    chunks = job.chunks()
    try:
        first = await anext(chunks)
    except BaseException:
        await chunks.aclose()
        raise
    return StreamingResponse(_events(first, chunks, subject), media_type="text/event-stream")


async def _events(
    first: _Json, chunks: AsyncGenerator[_Json, None], subject: str
) -> AsyncIterator[str]:
    async with aclosing(chunks):
        yield _event(first)
        try:
            async for chunk in chunks:
                yield _event(chunk)
        except (RequestError, OssiaError) as error:
            yield _event(error_body(error_of(error, subject)))
        else:
            yield "data: [DONE]\n\n"


def _event(data: _Json) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"


async def _unless_gone(request: Request, answer: Coroutine[Any, Any, _Json]) -> _Json:
    """Waits for an answer as long as its client does."""
    made = asyncio.create_task(answer)
    gone = asyncio.create_task(_is_gone(request))
    try:
        await asyncio.wait([made, gone], return_when=asyncio.FIRST_COMPLETED)
        if not made.done():
            raise RequestError(499, "the client is gone", "client_closed_request")
        return made.result()
    finally:
        made.cancel()
        gone.cancel()
        await asyncio.gather(made, gone, return_exceptions=True)


async def _is_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
