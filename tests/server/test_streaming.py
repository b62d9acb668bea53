"""Streams that pause, and clients that go away, over ASGI itself."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.types import Message

from ossia.server import streaming
from ossia.server.streaming import LiveResponse

SCOPE: dict[str, Any] = {"type": "http", "asgi": {"spec_version": "2.3"}}


class Text:
    """Makes pieces, with a pause before each, and knows whether it was closed."""

    def __init__(self, *pauses: float) -> None:
        self.pauses, self.is_closed = pauses, False

    async def pieces(self) -> AsyncGenerator[str, None]:
        try:
            for pause in self.pauses:
                await asyncio.sleep(pause)
                yield "piece\n"
        finally:
            self.is_closed = True


async def sent(response: LiveResponse, gone_after: float = 60) -> list[Message]:
    """What a client is sent that goes away after a while."""
    messages: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(gone_after)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        messages.append(message)

    await response(SCOPE, receive, send)
    return messages


def bodies(messages: list[Message]) -> str:
    assert [m["type"] for m in messages] == ["http.response.start"] + ["http.response.body"] * (
        len(messages) - 1
    )
    return b"".join(message["body"] for message in messages[1:]).decode()


def test_a_pause_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PAUSE", 0.05)
    text = Text(0.0, 0.3, 0.0)
    messages = asyncio.run(sent(LiveResponse(text.pieces(), "text/event-stream", ": \n\n")))
    said = bodies(messages)
    assert said.replace(": \n\n", "") == "piece\n" * 3
    assert said.startswith("piece\n: \n\n: \n\n")
    assert messages[-1]["more_body"] is False
    assert text.is_closed


def test_a_stream_without_a_sign_of_life_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PAUSE", 0.01)
    messages = asyncio.run(sent(LiveResponse(Text(0.1).pieces(), "application/x-ndjson")))
    assert bodies(messages) == "piece\n"


@pytest.mark.parametrize("idle", ["", ": \n\n"])
def test_who_goes_away_closes_the_stream_at_once(idle) -> None:
    text = Text(0.0, 60.0)
    response = LiveResponse(text.pieces(), "text/event-stream", idle)
    messages = asyncio.run(asyncio.wait_for(sent(response, gone_after=0.1), 10))
    assert bodies(messages) == "piece\n"
    assert text.is_closed


def test_a_stream_that_never_began_is_closed_too() -> None:
    async def run() -> bool:
        text = Text(0.0)
        pieces = text.pieces()
        assert await anext(pieces)  # the first piece, which decides about the status
        with pytest.raises(OSError, match="gone"):
            await LiveResponse(pieces, "text/event-stream")(SCOPE, _wait, _broken)
        return text.is_closed

    assert asyncio.run(run())


async def _wait() -> Message:
    await asyncio.sleep(60)
    raise AssertionError


async def _broken(_message: Message) -> None:
    raise OSError("gone")
