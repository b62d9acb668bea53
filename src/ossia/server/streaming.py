"""A response that is sent while it is made, and ends with its client.

Knows ASGI; does not know what is sent. While nothing is made for a while it says that it is there
still, for there are proxies and clients that give up on a silent line.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import TypeVar

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

T = TypeVar("T")

PAUSE = 15.0
"""Seconds of silence after which the client is told that it goes on."""


async def threaded(steps: Iterator[T]) -> AsyncGenerator[T, None]:
    """Steps of something that takes a while, made on a thread; closing this closes them there."""
    try:
        async for step in iterate_in_threadpool(steps):
            yield step
    finally:
        if close := getattr(steps, "close", None):
            await run_in_threadpool(close)


class LiveResponse(StreamingResponse):
    """A stream of text.

    However it ends, the generator that makes it is closed at once, also where it never began.
    """

    def __init__(self, text: AsyncGenerator[str, None], media_type: str, idle: str = "") -> None:
        """See the class.

        Args:
            idle: what is sent in a pause; nothing where it is empty.
        """
        super().__init__(text, media_type=media_type)
        self.headers["cache-control"] = "no-store"
        self._text, self._idle = text, idle.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it, until it is whole or the client is gone."""
        async with aclosing(self._text):
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Sends it, with a sign of life in each pause."""
        if not self._idle:
            await super().stream_response(send)
            return
        clock = asyncio.get_running_loop().time
        latest, is_whole = clock(), False

        async def sending(message: Message) -> None:
            nonlocal latest, is_whole
            latest = clock()
            is_whole = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        async def beat() -> None:
            while True:
                await asyncio.sleep(latest + PAUSE - clock())
                if clock() >= latest + PAUSE and not is_whole:
                    body = {"type": "http.response.body", "body": self._idle, "more_body": True}
                    await sending(body)

        beating = asyncio.create_task(beat())
        try:
            await super().stream_response(sending)
        finally:
            beating.cancel()
