"""What no request gets past: where it comes from, who sends it, how much of it there is.

Plain ASGI, so that streams pass untouched. Knows headers; does not know what is asked.
"""

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ossia.base.errors import OssiaError
from ossia.server.errors import RequestError
from ossia.server.keys import Key
from ossia.server.limits import Limits

MAX_BODY = 32 << 20
"""Bytes of a request: more than any context holds."""

MAX_HEADERS = 64 << 10
"""Bytes of all headers together."""

LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])

OPEN_PATHS = frozenset(["/", "/health"])
"""What may be asked without a key."""

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"

_Pairs = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Guarding:
    """What is let in.

    Attributes:
        hosts: names under which the server may be called; None is any. On a loopback address a
            page of the web could otherwise have its own name lead here (DNS rebinding).
        origins: web pages that may call, as ``https://example.org``; ``*`` is all. The server's
            own pages may in any case.
        key_of: the key that a secret is, if it is one that was given out; None asks for no key.
    """

    hosts: frozenset[str] | None = LOOPBACK
    origins: frozenset[str] = field(default_factory=frozenset)
    key_of: Callable[[str], Key | None] | None = None


class Guard:
    """Refuses what ``Guarding`` does not let in, before anything is read.

    Every answer, also a refusal, has an ``x-request-id``, which the log has too.
    """

    def __init__(self, app: ASGIApp, guarding: Guarding) -> None:
        self._app, self._guarding, self._limits = app, guarding, Limits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = request_id
        more = [(b"x-request-id", request_id.encode())]
        try:
            more += self._check_origin(headers)
            if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
                await _answer(send, 204, [*more, *_preflight(headers)])
                return
            _check_size(scope, headers)
            key = self._check_key(scope, headers)
        except RequestError as error:
            await _refuse(send, error, more)
            return
        scope["state"]["client"] = key.name if key is not None else ""
        try:
            await self._app(scope, _Bounded(receive), _adding(send, more))
        finally:
            if key is not None:
                self._limits.leave(key)

    def _check_origin(self, headers: Headers) -> _Pairs:
        """What a browser is told of the page that calls.

        Raises:
            RequestError: it may not call, or the server has another name.
        """
        hosts, host = self._guarding.hosts, headers.get("host", "").lower()
        if hosts is not None and _name_of(host) not in hosts:
            raise RequestError(
                403, "this server is not called by that name; use localhost", "wrong_host"
            )
        origin = headers.get("origin")
        if origin is None:
            return []
        origins = self._guarding.origins
        if "*" not in origins and origin not in origins and origin != f"http://{host}":
            raise RequestError(
                403, "web pages may not call this server; see --allow-origin", "wrong_origin"
            )
        return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]

    def _check_key(self, scope: Scope, headers: Headers) -> Key | None:
        """Whose request it is; counted as one under way.

        Raises:
            RequestError: there is no key, or it asks for too much.
        """
        if self._guarding.key_of is None or scope["path"] in OPEN_PATHS:
            return None
        given = headers.get("x-api-key") or headers.get("authorization", "")
        try:
            key = self._guarding.key_of(re.sub(r"(?i)^bearer\s+", "", given).strip())
        except OssiaError as error:
            raise RequestError(503, str(error), "keys_unreadable") from None
        if key is None:
            raise RequestError(401, "an API key is needed: ossia key create", "invalid_api_key")
        if wait := self._limits.enter(key):
            what = f"this key asks for more than it may; try again in {wait} s"
            raise RequestError(429, what, "rate_limit_exceeded", retry_after=wait)
        return key


class _Bounded:
    """A request whose body is refused where it becomes too long."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._num_read = receive, 0

    async def __call__(self) -> Message:
        """The next piece.

        Raises:
            RequestError: there is too much of it.
        """
        message = await self._receive()
        self._num_read += len(message.get("body", b""))
        if self._num_read > MAX_BODY:
            raise _too_long()
        return message


def _check_size(scope: Scope, headers: Headers) -> None:
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
        raise RequestError(
            431, f"headers may have {MAX_HEADERS >> 10} KiB together", "headers_too_large"
        )
    length = headers.get("content-length", "0")
    if not re.fullmatch(r"[0-9]{1,18}", length):
        raise RequestError(400, "content-length is no number", "wrong_length")
    if int(length) > MAX_BODY:
        raise _too_long()


def _too_long() -> RequestError:
    return RequestError(413, f"a request may have {MAX_BODY >> 20} MiB", "too_large")


def _preflight(headers: Headers) -> _Pairs:
    """What a browser asks beforehand: any header may come, for a page that may call at all."""
    asked = headers.get("access-control-request-headers", "authorization, content-type")
    return [
        (b"access-control-allow-headers", asked.encode("latin-1")),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-max-age", b"600"),
    ]


def _adding(send: Send, more: _Pairs) -> Send:
    """Sends with more headers."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return sending


def _name_of(host: str) -> str:
    """A host without its port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


async def _refuse(send: Send, error: RequestError, headers: _Pairs) -> None:
    told: dict[str, Any] = {"message": error.message, "type": error.code, "code": error.code}
    if error.status == 401:
        headers = [*headers, (b"www-authenticate", b"Bearer")]
    if error.retry_after is not None:
        headers = [*headers, (b"retry-after", str(error.retry_after).encode())]
    body = json.dumps({"error": told}).encode()
    await _answer(send, error.status, [*headers, (b"content-type", b"application/json")], body)


async def _answer(send: Send, status: int, headers: _Pairs, body: bytes = b"") -> None:
    if status != 204:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
