"""An answer over HTTP, whole or as it comes, whatever dialect it is in.

Knows HTTP; knows no dialect. An error before the first piece has a status of its own; one after it
is a piece of the stream, for the status is sent by then.
"""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ossia.base.errors import OssiaError
from ossia.server.errors import RequestError
from ossia.server.streaming import LiveResponse

Wire = dict[str, Any]
Fault = RequestError | OssiaError
T = TypeVar("T")

MAX_DEPTH = 256
"""Lists and objects within each other: more than the deepest schema that a model can be shown."""

_TAKES_A_WHILE = 1 << 20
"""Bytes of JSON that are not read on the event loop, which others wait for."""

_GONE = 499  # what servers log where the client did not wait; nobody reads it


@dataclass(frozen=True)
class Form:
    """How a dialect says things.

    Attributes:
        media_type: of streams.
        encode: one piece of a stream.
        fault: an error's status and body; the body is also a piece.
        end: what follows the last piece of a stream that is whole.
        idle: what says in a pause that the stream goes on; nothing does where it is empty.
    """

    media_type: str
    encode: Callable[[Wire], str]
    fault: Callable[[Fault], tuple[int, Wire]]
    end: str = ""
    idle: str = ""

    def refusal(self, error: Fault) -> Response:
        """An error as a response."""
        status, body = self.fault(error)
        headers = {"Retry-After": "1"} if status == 429 else None
        return JSONResponse(body, status, headers)


Endpoint = Callable[[Request], Awaitable[Response]]


def answered(form: Form, handle: Callable[[Request], Awaitable[Response]]) -> Endpoint:
    """A route's function: refuses in the dialect's form."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handle(request)
        except (RequestError, OssiaError) as error:
            return form.refusal(error)

    return endpoint


def handled(form: Form, handle: Callable[[Request, Any], Awaitable[Response]]) -> Endpoint:
    """The same for a request with a body, whose JSON it takes."""

    async def with_document(request: Request) -> Response:
        return await handle(request, await read_json(request))

    return answered(form, with_document)


async def streamed(request: Request, form: Form, pieces: AsyncGenerator[Wire, None]) -> Response:
    """A stream, once its first piece is there, if the client waits for it; it may be empty.

    Raises:
        RequestError, OssiaError: it cannot be had.
    """
    try:
        first = await unless_gone(request, anext(pieces, None))
    except BaseException:
        await pieces.aclose()
        raise
    return LiveResponse(_encoded(form, first, pieces), form.media_type, form.idle)


async def collected(
    request: Request, pieces: AsyncGenerator[Wire, None], whole: Callable[[Iterable[Wire]], Wire]
) -> Response:
    """What the pieces add up to, if the client waits for it.

    Raises:
        RequestError, OssiaError: the answer failed.
    """

    async def collect() -> list[Wire]:
        async with aclosing(pieces):
            return [piece async for piece in pieces]

    return JSONResponse(whole(await unless_gone(request, collect())))


async def _encoded(
    form: Form, first: Wire | None, pieces: AsyncGenerator[Wire, None]
) -> AsyncGenerator[str, None]:
    async with aclosing(pieces):
        if first is not None:
            yield form.encode(first)
        try:
            async for piece in pieces:
                yield form.encode(piece)
        except (RequestError, OssiaError) as error:
            yield form.encode(form.fault(error)[1])
        else:
            if form.end:
                yield form.end


async def unless_gone(request: Request, answer: Awaitable[T]) -> T:
    """Waits for an answer as long as its client does.

    Raises:
        RequestError: the client is gone; nobody reads what it says.
    """
    made = asyncio.ensure_future(answer)
    gone = asyncio.ensure_future(_is_gone(request))
    try:
        await asyncio.wait([made, gone], return_when=asyncio.FIRST_COMPLETED)
        if not made.done():
            raise RequestError(_GONE, "the client is gone", "client_closed_request")
        return made.result()
    finally:
        made.cancel()
        gone.cancel()
        await asyncio.gather(made, gone, return_exceptions=True)


async def _is_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def client_of(request: Request) -> str:
    """Whose request it is, as far as the server knows: the name of its key."""
    return str(getattr(request.state, "client", ""))


async def read_json(request: Request) -> Any:
    """The JSON of a request. Halves of characters, which no text can hold, are U+FFFD.

    Raises:
        RequestError: there is none, or it is nested too deeply.
    """
    body = await request.body()
    if len(body) < _TAKES_A_WHILE:
        return _parsed(body)
    return await asyncio.to_thread(_parsed, body)


def _parsed(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig")  # in no other encoding: json.loads would guess
        document = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        if "\\u" in text:
            text = json.dumps(document, ensure_ascii=False)
            whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            document = json.loads(whole) if whole != text else document
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise RequestError(400, f"the body is not JSON: {error!s:.100}", "invalid_json") from None
    _check_depth(document)
    return document


def _check_depth(document: Any) -> None:
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(MAX_DEPTH):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [part for parts in inner for part in parts if isinstance(part, dict | list)]
    if level:
        raise _too_deep()


def _too_deep() -> RequestError:
    what = f"the body is nested more than {MAX_DEPTH} times"
    return RequestError(400, what, "too_deep")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits:.20} is larger than any number that can be told back")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def compact(document: Wire) -> str:
    """JSON on one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
