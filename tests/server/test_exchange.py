"""Answers over HTTP in OpenAI's form: errors before and within a stream, overload, bodies."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import httpx2
import openai
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from ossia.base.errors import BackendError, BusyError, ContextError, InputError, ResourceError
from ossia.server.errors import RequestError
from ossia.server.exchange import Wire
from ossia.server.openai_http import endpoint

BUSY = BusyError("48 requests wait already")


class Job:
    """Says some pieces and then fails, if it has to."""

    def __init__(self, num_pieces: int, error: Exception | None = None) -> None:
        self.num_pieces, self.error = num_pieces, error

    async def chunks(self) -> AsyncGenerator[Wire, None]:
        for number in range(self.num_pieces):
            yield {"number": number}
        if self.error is not None:
            raise self.error

    async def whole(self) -> Wire:
        if self.error is not None:
            raise self.error
        return {"num": self.num_pieces}


def post(job: Job, body: Any, subject: str = "messages") -> httpx.Response:
    """The response of an app that answers with a job."""
    app = Starlette(routes=[Route("/", endpoint(lambda *_: job, subject), methods=["POST"])])

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return await client.post("/", content=content)

    return asyncio.run(send())


def test_both_forms() -> None:
    assert post(Job(2), {}).json() == {"num": 2}
    streamed = post(Job(2), {"stream": True})
    assert streamed.text == 'data: {"number":0}\n\ndata: {"number":1}\n\ndata: [DONE]\n\n'
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "code", "param"),
    [
        (RequestError(404, "none", "model_not_found", "model"), 404, "model_not_found", "model"),
        (ContextError("9 tokens"), 400, "context_length_exceeded", "messages"),
        (InputError("no"), 400, "invalid_value", None),
        (BUSY, 429, "rate_limit_exceeded", None),
        (ResourceError("no memory"), 503, "overloaded", None),
        (BackendError("no way"), 500, "server_error", None),
    ],
)
def test_an_error_before_the_first_piece_has_its_status(
    error, status, code, param, is_streamed
) -> None:
    response = post(Job(0, error), {"stream": is_streamed})
    assert response.status_code == status
    found = response.json()["error"]
    assert (found["code"], found["param"], found["message"]) == (code, param, str(error))
    assert ("retry-after" in response.headers) == (status == 429)


def test_an_error_within_a_stream_is_its_last_event() -> None:
    response = post(Job(1, BUSY), {"stream": True})
    assert response.status_code == 200
    first, last, rest = response.text.split("\n\n")
    assert json.loads(first.removeprefix("data: ")) == {"number": 0}
    assert json.loads(last.removeprefix("data: "))["error"]["message"] == str(BUSY)
    assert rest == ""


def test_openais_package_makes_an_exception_of_it() -> None:
    text = post(Job(1, BUSY), {"stream": True}).text
    made = httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"})
    transport = httpx2.MockTransport(lambda _: made)
    with (
        httpx2.Client(transport=transport) as http,
        openai.OpenAI(api_key="none", base_url="http://test", http_client=http) as client,
        pytest.raises(openai.APIError, match="48 requests wait"),
    ):
        list(client.chat.completions.create(model="m", messages=[], stream=True))


def test_halves_of_characters_are_mended_and_pairs_are_not() -> None:
    seen: list[Any] = []

    def start(document: Any, _client: str) -> Job:
        seen.append(document)
        return Job(1)

    app = Starlette(routes=[Route("/", endpoint(start, "prompt"), methods=["POST"])])

    async def send(bodies: list[bytes]) -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for body in bodies:
                assert (await client.post("/", content=body)).status_code == 200

    asyncio.run(send([rb'{"a": "\ud83d!"}', rb'{"a": "\ud83d\ude00"}', '{"a": "é"}'.encode()]))
    assert seen == [{"a": "\ufffd!"}, {"a": "\U0001f600"}, {"a": "é"}]
