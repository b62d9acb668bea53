"""Clients that do not send to the end, or do not read, over real sockets."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from ossia.server import connection
from ossia.server.connection import PatientConnection

HEAD = b"POST / HTTP/1.1\r\nhost: localhost\r\n"


@pytest.fixture(autouse=True)
def short_patience(monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(connection, "READING_SECONDS", 0.3)
    monkeypatch.setattr(connection, "_LOOK_SECONDS", 0.02)


def talk(app, work: Callable[..., Awaitable[None]]) -> None:
    """Has a client talk with an application, both in this loop."""

    async def talking() -> None:
        config = uvicorn.Config(app, lifespan="off", log_config=None)
        state = ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: PatientConnection(config, state, {}), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await work(reader, writer)
            writer.close()
            while state.connections or state.tasks:  # nothing is left; the time limit is the limit
                await asyncio.sleep(0.01)
        finally:
            server.close()

    asyncio.run(talking())


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body's length once it is there."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


@pytest.mark.parametrize(
    "begun",
    [b"", HEAD, HEAD + b"content-length: 9\r\n\r\n", HEAD + b"content-length: 9\r\n\r\nabc"],
)
def test_a_request_that_does_not_come_to_its_end_is_cut(begun: bytes) -> None:
    async def work(reader, writer):
        writer.write(begun)
        assert await reader.read() == b""

    talk(echo, work)


def test_drop_by_drop_is_no_way_to_send() -> None:
    async def work(reader, writer):
        writer.write(HEAD + b"content-length: 100000\r\n\r\n")
        while not (reader.at_eof() or reader.exception()):  # the time limit is the limit
            writer.write(b"x")
            await asyncio.sleep(0.01)

    talk(echo, work)


def test_the_next_request_on_a_connection_has_its_time_too() -> None:
    async def work(reader, writer):
        for _ in range(3):
            writer.write(HEAD + b"content-length: 3\r\n\r\nabc")
            assert (await reader.readuntil(b"3\r\n0\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.2)  # together more than a request may take
        writer.write(HEAD)
        assert await reader.read() == b""

    talk(echo, work)


def test_who_waits_for_a_slow_answer_is_not_cut() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.8)
        await echo(scope, receive, send)

    async def work(reader, writer):
        writer.write(HEAD + b"content-length: 0\r\n\r\n")
        assert (await reader.read(15)) == b"HTTP/1.1 200 OK"

    talk(slow, work)


def test_an_answer_that_nobody_reads_is_cut_and_its_maker_hears_of_it() -> None:
    is_told = False

    async def flood(_scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal is_told
        await receive()
        gone = asyncio.create_task(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.done():
            more = {"type": "http.response.body", "body": b"x" * (1 << 20), "more_body": True}
            await send(more)
            await asyncio.sleep(0)
        is_told = (await gone)["type"] == "http.disconnect"

    async def work(_reader, writer):
        writer.transport.pause_reading()
        writer.write(HEAD + b"content-length: 0\r\n\r\n")
        while not is_told:
            await asyncio.sleep(0.01)

    talk(flood, work)
