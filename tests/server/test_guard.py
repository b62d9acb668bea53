"""Who is let in, asked over real HTTP semantics without a socket."""

import json

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ossia.server.guard import MAX_BODY, Guard, Guarding


async def echo(request: Request) -> JSONResponse:
    return JSONResponse({"length": len(await request.body())})


def ask(guarding: Guarding, method: str = "POST", path: str = "/v1/x", **more) -> httpx.Response:
    routes = [Route("/{path:path}", echo, methods=["GET", "POST"])]
    app = Guard(Starlette(routes=routes), guarding)

    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **more)

    import asyncio

    return asyncio.run(asking())


def code_of(response: httpx.Response) -> str:
    return json.loads(response.text)["error"]["code"]


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:11434", "127.0.0.1:80", "[::1]:11434", "LOCALHOST"]
)
def test_this_computer_may_ask(host: str) -> None:
    assert ask(Guarding(), headers={"host": host}, content=b"xy").json() == {"length": 2}


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.2", ""])
def test_a_page_whose_name_leads_here_may_not(host: str) -> None:
    response = ask(Guarding(), headers={"host": host})
    assert (response.status_code, code_of(response)) == (403, "wrong_host")


def test_a_server_for_others_has_any_name() -> None:
    assert ask(Guarding(hosts=None), headers={"host": "box.local"}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://localhost.evil"])
def test_web_pages_may_not_call(origin: str) -> None:
    response = ask(Guarding(), headers={"origin": origin})
    assert (response.status_code, code_of(response)) == (403, "wrong_origin")


@pytest.mark.parametrize("allowed", ["https://app.example", "*"])
def test_web_pages_that_are_allowed_may(allowed: str) -> None:
    guarding = Guarding(origins=frozenset([allowed]))
    response = ask(guarding, headers={"origin": "https://app.example"})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    before = ask(guarding, "OPTIONS", headers={"origin": "https://app.example"})
    assert before.status_code == 204
    assert "authorization" in before.headers["access-control-allow-headers"]


def test_pages_of_this_computer_may_call() -> None:
    assert ask(Guarding(), headers={"origin": "http://localhost:5173"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer right"}, 200),
        ({"authorization": "right"}, 200),
        ({"x-api-key": "right"}, 200),
        ({"x-api-key": "wrong", "authorization": "Bearer right"}, 401),
    ],
)
def test_where_keys_are_given_out_one_is_needed(headers, status: int) -> None:
    guarding = Guarding(is_known=lambda key: key == "right")
    assert ask(guarding, headers=headers).status_code == status
    assert ask(guarding, "GET", "/health").status_code == 200


@pytest.mark.parametrize("length", [str(MAX_BODY + 1), "-1", "x", "٣"])
def test_bodies_have_an_end(length: str) -> None:
    response = ask(Guarding(), headers={"content-length": length.encode()}, content=b"")
    assert (response.status_code, code_of(response)) == (413, "too_large")


def test_a_body_of_unknown_length_has_one_too() -> None:
    async def endless():
        for _ in range((MAX_BODY >> 20) + 2):
            yield b"x" * (1 << 20)

    assert ask(Guarding(), content=endless()).status_code >= 400
