"""Who is let in, asked over real HTTP semantics without a socket."""

import asyncio
import json

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ossia.base.errors import InputError
from ossia.server.exchange import handled
from ossia.server.guard import MAX_BODY, MAX_HEADERS, Guard, Guarding
from ossia.server.keys import Key
from ossia.server.openai_http import form


async def echo(request: Request) -> JSONResponse:
    return JSONResponse({"length": len(await request.body())})


async def echoed(_request: Request, document: object) -> JSONResponse:
    return JSONResponse(document)


ROUTES = [Route("/{path:path}", echo, methods=["GET", "POST"])]


def ask(
    guarding: Guarding, method: str = "POST", path: str = "/v1/x", routes=ROUTES, **more
) -> httpx.Response:
    app = Guard(Starlette(routes=routes), guarding)

    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **more)

    return asyncio.run(asking())


KEY = Key("laptop", "", 0.0)


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


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "https://localhost.evil",
        "http://localhost:5173",
        "http://localhost:x@evil.example",
        "http://[",
        "",
    ],
)
def test_web_pages_may_not_call(origin: str) -> None:
    response = ask(Guarding(), headers={"origin": origin})
    assert (response.status_code, code_of(response)) == (403, "wrong_origin")


@pytest.mark.parametrize("allowed", ["https://app.example", "*"])
def test_web_pages_that_are_allowed_may(allowed: str) -> None:
    guarding = Guarding(origins=frozenset([allowed]))
    response = ask(guarding, headers={"origin": "https://app.example"})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    wanted = {"access-control-request-headers": "authorization, x-stainless-os"}
    before = ask(guarding, "OPTIONS", headers=asked | wanted)
    assert before.status_code == 204
    assert before.headers["access-control-allow-origin"] == "https://app.example"
    assert "x-stainless-os" in before.headers["access-control-allow-headers"]


def test_the_servers_own_pages_may_call() -> None:
    headers = {"host": "localhost:11434", "origin": "http://localhost:11434"}
    assert ask(Guarding(), headers=headers).status_code == 200


def test_a_page_that_may_not_call_is_not_told_that_it_may() -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    response = ask(Guarding(), "OPTIONS", headers=asked)
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer right"}, 200),
        ({"authorization": "right"}, 200),
        ({"authorization": "bearer  right"}, 200),
        ({"x-api-key": "right"}, 200),
        ({"x-api-key": "wrong", "authorization": "Bearer right"}, 401),
    ],
)
def test_where_keys_are_given_out_one_is_needed(headers, status: int) -> None:
    guarding = Guarding(key_of=lambda secret: KEY if secret == "right" else None)
    assert ask(guarding, headers=headers).status_code == status
    assert ask(guarding, "GET", "/health").status_code == 200


def test_keys_that_cannot_be_read_let_nobody_in() -> None:
    def key_of(_secret: str) -> Key | None:
        raise InputError("keys.json cannot be read")

    response = ask(Guarding(key_of=key_of), headers={"x-api-key": "right"})
    assert (response.status_code, code_of(response)) == (503, "keys_unreadable")


def test_a_key_has_limits() -> None:
    key = Key("laptop", "", 0.0, at_once=1, per_minute=2)
    entered, end = asyncio.Event(), asyncio.Event()

    async def wait(_request: Request) -> JSONResponse:
        entered.set()
        await end.wait()
        return JSONResponse({})

    app = Guard(Starlette(routes=[Route("/x", wait)]), Guarding(key_of=lambda _: key))

    async def work() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            first = asyncio.create_task(client.get("/x"))
            await entered.wait()
            second = await client.get("/x")
            assert (second.status_code, second.headers["retry-after"]) == (429, "1")
            end.set()
            assert (await first).status_code == 200
            assert (await client.get("/x")).status_code == 200
            third = await client.get("/x")
            assert (third.status_code, code_of(third)) == (429, "rate_limit_exceeded")
            assert 50 < int(third.headers["retry-after"]) <= 60

    asyncio.run(work())


@pytest.mark.parametrize("length", ["-1", "x", "٣", "9" * 5000])
def test_the_length_of_a_body_is_a_number(length: str) -> None:
    response = ask(Guarding(), headers={"content-length": length.encode()}, content=b"")
    assert (response.status_code, code_of(response)) == (400, "wrong_length")


def test_bodies_have_an_end() -> None:
    response = ask(Guarding(), headers={"content-length": str(MAX_BODY + 1)}, content=b"")
    assert (response.status_code, code_of(response)) == (413, "too_large")


def test_headers_have_an_end() -> None:
    response = ask(Guarding(), headers={"x": "a" * MAX_HEADERS})
    assert (response.status_code, code_of(response)) == (431, "headers_too_large")


def test_every_answer_has_an_id_of_its_own() -> None:
    answers = [ask(Guarding()), ask(Guarding()), ask(Guarding(), headers={"host": "x"})]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 3
    assert all(each.startswith("req_") for each in ids)


def test_a_body_of_unknown_length_has_one_too() -> None:
    async def endless():
        for _ in range((MAX_BODY >> 20) + 2):
            yield b"x" * (1 << 20)

    routes = [Route("/{path:path}", handled(form(), echoed), methods=["POST"])]
    response = ask(Guarding(), content=endless(), routes=routes)
    assert (response.status_code, code_of(response)) == (413, "too_large")
