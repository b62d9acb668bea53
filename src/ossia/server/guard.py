"""What no request gets past: where it comes from, who sends it, how long it is.

Plain ASGI, so that streams pass untouched. Knows headers; does not know what is asked.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 32 << 20
"""Bytes of a request: more than any context holds."""

LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])

OPEN_PATHS = frozenset(["/", "/health"])
"""What may be asked without a key."""


@dataclass(frozen=True)
class Guarding:
    """What is let in.

    Attributes:
        hosts: names under which the server may be called; None is any. On a loopback address a
            page of the web could otherwise have its own name lead here (DNS rebinding).
        origins: web pages that may call, as ``https://example.org``; ``*`` is all.
        is_known: whether a key is one of those that were given out; None asks for no key.
    """

    hosts: frozenset[str] | None = LOOPBACK
    origins: frozenset[str] = field(default_factory=frozenset)
    is_known: Callable[[str], bool] | None = None


class Guard:
    """Refuses what ``Guarding`` does not let in, before anything is read."""

    def __init__(self, app: ASGIApp, guarding: Guarding) -> None:
        self._app, self._guarding = app, guarding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if refusal := self._refusal(scope, headers):
            await _refuse(send, *refusal)
            return
        origin = headers.get("origin")
        await self._app(scope, _Bounded(receive), _allowing(send, origin) if origin else send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str, str] | None:
        guarding = self._guarding
        host = _host_of(headers.get("host", ""))
        if guarding.hosts is not None and host not in guarding.hosts:
            return 403, "this server is not called by that name; use localhost", "wrong_host"
        origin = headers.get("origin")
        if origin is not None and not self._may_call(origin):
            return 403, "web pages may not call this server; see --allow-origin", "wrong_origin"
        if scope["method"] == "OPTIONS" and origin is not None:
            return 204, "", ""
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY:
            return 413, f"a request may have {MAX_BODY >> 20} MiB", "too_large"
        if guarding.is_known is not None and scope["path"] not in OPEN_PATHS:
            given = headers.get("x-api-key") or headers.get("authorization", "")
            if not guarding.is_known(given.removeprefix("Bearer ").strip()):
                return 401, "an API key is needed: ossia key create", "invalid_api_key"
        return None

    def _may_call(self, origin: str) -> bool:
        if "*" in self._guarding.origins or origin in self._guarding.origins:
            return True
        return _host_of(urlsplit(origin).netloc) in LOOPBACK


class _Bounded:
    """A request whose body ends where it becomes too long."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._num_read = receive, 0

    async def __call__(self) -> Message:
        """The next piece."""
        message = await self._receive()
        self._num_read += len(message.get("body", b""))
        if self._num_read > MAX_BODY:
            return {"type": "http.disconnect"}
        return message


def _allowing(send: Send, origin: str) -> Send:
    """Tells the browser that the page may read the answer."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            allowed = [(b"access-control-allow-origin", origin.encode("latin-1", "replace"))]
            message = {**message, "headers": [*message.get("headers", []), *allowed]}
        await send(message)

    return sending


def _host_of(value: str) -> str:
    """A host without its port and brackets, in lower case."""
    if value.startswith("["):
        return value[1:].partition("]")[0].lower()
    return value.partition(":")[0].lower()


async def _refuse(send: Send, status: int, message: str, code: str) -> None:
    body = json.dumps({"error": {"message": message, "type": code, "code": code}}).encode()
    headers = [(b"content-type", b"application/json")]
    if status == 204:  # the browser asks beforehand
        body = b""
        headers = [
            (b"access-control-allow-origin", b"*"),
            (b"access-control-allow-headers", b"authorization, content-type, x-api-key"),
            (b"access-control-allow-methods", b"GET, POST, DELETE"),
        ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
