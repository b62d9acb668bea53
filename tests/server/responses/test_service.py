"""What a killed server leaves, who sees what, and requests that are refused."""

import asyncio
import itertools
import os
import signal
import sqlite3
import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.process import server_process
from tests.server.response_streams import check_events, check_response
from tests.server.responses.asking import ADD, CUSTOM, PATH, SUM, endless, events_of

from ossia.base.errors import ResourceError
from ossia.server.context import ServerContext
from ossia.server.errors import RequestError
from ossia.server.models import LocalModels
from ossia.server.responses.items import kept_items
from ossia.server.responses.schema import ResponseRequest
from ossia.server.responses.sealing import Seal
from ossia.server.responses.service import Responses
from ossia.server.store import Store
from ossia.server.validation import validated

PARTS = [{"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}]
CALL = {"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"}

# (what is wrong with the request, its status, its code, the field, a word of the message)
REFUSED: list[tuple[dict[str, Any], int, str, str | None, str]] = [
    ({"model": None}, 400, "invalid_type", "model", "text"),
    ({"model": ""}, 400, "invalid_value", "model", "at least 1"),
    ({"model": "gpt-17"}, 404, "model_not_found", "model", "gpt-17"),
    ({"model": "../nano"}, 404, "model_not_found", "model", "path"),
    ({"input": None}, 400, "missing_required_parameter", "input", "missing"),
    ({"input": []}, 400, "missing_required_parameter", "input", "missing"),
    ({"input": 7}, 400, "invalid_type", "input", "found 7"),
    ({"input": {}}, 400, "invalid_type", "input", "found an object"),
    ({"input": [7]}, 400, "invalid_type", "input[0]", "object"),
    ({"input": [{}]}, 400, "missing_required_parameter", "input[0].type", "missing"),
    ({"input": [{"type": 7}]}, 400, "invalid_type", "input[0].type", "text"),
    ({"input": [{"role": "king", "content": ""}]}, 400, "invalid_value", "input[0].role", "king"),
    ({"input": [{"role": "user"}]}, 400, "missing_required_parameter", "input[0].content", ""),
    ({"input": [{"role": "user", "content": 7}]}, 400, "invalid_type", "input[0].content", "parts"),
    (
        {"input": [{"role": "user", "content": PARTS}]},
        *(400, "unsupported_content", "input[0].content[0].type", "text only"),
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
        *(400, "invalid_type", "input[0].content[0].text", "text"),
    ),
    (
        {"input": [{"type": "function_call", "name": "add", "arguments": "{}"}]},
        *(400, "missing_required_parameter", "input[0].call_id", "missing"),
    ),
    (
        {"input": [CALL | {"arguments": {}}]},
        *(400, "invalid_type", "input[0].arguments", "text"),
    ),
    (
        {"input": [{"type": "function_call_output", "call_id": "c", "output": "1"}]},
        *(400, "invalid_value", "input[0].call_id", "no call"),
    ),
    (
        {"input": [CALL, {"type": "function_call_output", "call_id": "c"}]},
        *(400, "missing_required_parameter", "input[1].output", "missing"),
    ),
    (
        {"input": [CALL, {"type": "function_call_output", "call_id": "c", "output": PARTS}]},
        *(400, "unsupported_content", "input[1].output[0].type", "text only"),
    ),
    (
        {"input": [{"type": "reasoning", "summary": "short"}]},
        *(400, "invalid_value", "input[0].summary", "summary_text"),
    ),
    (
        {"input": [{"type": "reasoning", "summary": [], "encrypted_content": 7}]},
        *(400, "invalid_type", "input[0].encrypted_content", "text"),
    ),
    ({"input": [{"id": "msg_none"}]}, 400, "invalid_value", "input[0].id", "msg_none"),
    ({"instructions": 7}, 400, "invalid_type", "instructions", "text"),
    (
        {"previous_response_id": "resp_none"},
        *(400, "previous_response_not_found", "previous_response_id", "resp_none"),
    ),
    (
        {"previous_response_id": "resp_a", "conversation": "conv_a"},
        *(400, "mutually_exclusive_parameters", "previous_response_id", "not both"),
    ),
    ({"conversation": "conv_none"}, 404, "conversation_not_found", "conversation", "conv_none"),
    ({"conversation": {}}, 400, "missing_required_parameter", "conversation.id", "missing"),
    ({"background": True, "store": False}, 400, "invalid_value", "background", "store"),
    ({"max_output_tokens": 0}, 400, "invalid_value", "max_output_tokens", "greater"),
    ({"max_output_tokens": 1.5}, 400, "invalid_type", "max_output_tokens", "whole number"),
    ({"temperature": 2.1}, 400, "invalid_value", "temperature", "less than"),
    ({"temperature": "hot"}, 400, "invalid_type", "temperature", "number"),
    ({"top_p": 0}, 400, "invalid_value", "top_p", "greater"),
    ({"top_logprobs": 21}, 400, "invalid_value", "top_logprobs", "less than"),
    ({"metadata": {"k": "v" * 513}}, 400, "invalid_value", "metadata.k", "512"),
    ({"metadata": {str(n): "" for n in range(17)}}, 400, "invalid_value", "metadata", "16"),
    ({"metadata": {"k": 7}}, 400, "invalid_type", "metadata.k", "text"),
    ({"reasoning": {"effort": "huge"}}, 400, "invalid_value", "reasoning.effort", "huge"),
    ({"reasoning": {"summary": 7}}, 400, "invalid_value", "reasoning.summary", "auto"),
    ({"text": {"format": {"type": "xml"}}}, 400, "invalid_value", "text.format.type", "xml"),
    (
        {"text": {"format": {"type": "json_schema", "name": "x"}}},
        *(400, "missing_required_parameter", "text.format.schema", "missing"),
    ),
    (
        {"text": {"format": {"type": "json_schema", "schema": {}}}},
        *(400, "missing_required_parameter", "text.format.name", "missing"),
    ),
    (
        {"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "thing"}}}},
        *(400, "invalid_value", None, "thing"),
    ),
    ({"truncation": "middle"}, 400, "invalid_value", "truncation", "middle"),
    ({"tools": {}}, 400, "invalid_type", "tools", "list"),
    ({"tools": [7]}, 400, "invalid_type", "tools[0]", "object"),
    ({"tools": [{}]}, 400, "missing_required_parameter", "tools[0].type", "missing"),
    (
        {"tools": [{"type": "function"}]},
        *(400, "missing_required_parameter", "tools[0].name", "missing"),
    ),
    ({"tools": [ADD | {"name": ""}]}, 400, "invalid_type", "tools[0].name", "256"),
    ({"tools": [ADD | {"parameters": []}]}, 400, "invalid_type", "tools[0].parameters", "object"),
    ({"tools": [ADD | {"strict": "yes"}]}, 400, "invalid_type", "tools[0].strict", "true"),
    (
        {"tools": [{"type": "namespace", "name": "n", "tools": [7]}]},
        *(400, "invalid_type", "tools[0].tools[0]", "object"),
    ),
    (
        {"tools": [ADD | {"parameters": {"type": "object", "minProperties": 3}}]},
        *(400, "invalid_value", None, "minProperties"),
    ),
    ({"tool_choice": "required"}, 400, "invalid_value", "tool_choice", "no tool"),
    ({"tool_choice": "sometimes"}, 400, "invalid_value", "tool_choice", "sometimes"),
    (
        {"tools": [ADD], "tool_choice": {"type": "function", "name": "sub"}},
        *(400, "invalid_value", "tool_choice", "sub"),
    ),
    (
        {"tools": [CUSTOM], "tool_choice": {"type": "allowed_tools", "tools": [CUSTOM]}},
        *(400, "invalid_value", "tool_choice.tools", "allowed"),
    ),
    ({"prompt": {"id": "pmpt_1"}}, 400, "unsupported_parameter", "prompt", "instructions"),
    ({"stream": "yes"}, 400, "invalid_type", "stream", "true"),
    ({"store": 1}, 400, "invalid_type", "store", "true"),
    ({"seed": 2**70}, 400, "invalid_value", "seed", "less than"),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_bad_requests_are_refused_with_their_place(address: str, number: int) -> None:
    wrong, status, code, param, word = REFUSED[number]
    asked = {"model": "nano", "input": SUM, "max_output_tokens": 5, **wrong}
    answer = httpx.post(f"{address}{PATH}", json=asked)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param), error
    assert word in error["message"]
    assert "\n" not in error["message"]
    assert error["type"] in ("invalid_request_error", "not_found_error")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/responses/resp_none", 404),
        ("/v1/responses/resp_none?stream=true", 404),
        ("/v1/responses/resp_none?stream=perhaps", 400),
        ("/v1/responses/resp_none?starting_after=-1", 400),
        ("/v1/responses/resp_none/input_items", 404),
        ("/v1/responses/resp_none/input_items?limit=0", 400),
        ("/v1/responses/resp_none/input_items?limit=101", 400),
        ("/v1/responses/resp_none/input_items?order=random", 400),
        ("/v1/conversations/conv_none", 404),
        ("/v1/conversations/conv_none/items", 404),
        ("/v1/conversations/conv_none/items/msg_none", 404),
        ("/v1/responses/resp_none/cancel", 405),
        ("/v1/conversations", 405),
    ],
)
def test_addresses_of_nothing(address: str, path: str, status: int) -> None:
    answer = httpx.get(f"{address}{path}")
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ({"items": {}}, "items"),
        ({"items": [{"role": "user"}]}, "items[0].content"),
        ({"items": [{"role": "user", "content": ""}] * 21}, "items"),
        ({"items": [{"id": "msg_none"}]}, "items[0].id"),
        ({"metadata": {"k" * 65: ""}}, f"metadata.{'k' * 65}"),
        ([], None),
    ],
)
def test_bad_conversations(address: str, document: Any, param: str | None) -> None:
    answer = httpx.post(f"{address}/v1/conversations", json=document)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


# ------------------------------------------------------------------ processes


def test_what_was_kept_survives_a_kill(tmp_path: Path) -> None:
    with server_process(tmp_path) as url:
        first = httpx.post(f"{url}{PATH}", json={"model": "nano", "input": SUM}).json()
        talk = httpx.post(f"{url}/v1/conversations", json={}).json()
        asked = {"model": "nano", "input": "Hi", "conversation": talk["id"]}
        httpx.post(f"{url}{PATH}", json=asked).raise_for_status()
        sealed = {"include": ["reasoning.encrypted_content"], "store": False}
        thought = httpx.post(f"{url}{PATH}", json={"model": "nano", "input": SUM, **sealed}).json()
        running = httpx.post(f"{url}{PATH}", json=endless() | {"background": True}).json()
        assert running["status"] == "queued"
        kill(url)
    store = tmp_path / "responses"
    assert store.stat().st_mode & 0o777 == 0o700
    for path in store.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path
    with server_process(tmp_path) as url:
        assert httpx.get(f"{url}{PATH}/{first['id']}").json() == first
        more = {"model": "nano", "input": "Hi", "previous_response_id": first["id"]}
        assert httpx.post(f"{url}{PATH}", json=more).json()["status"] == "completed"
        items = httpx.get(f"{url}/v1/conversations/{talk['id']}/items").json()["data"]
        assert len(items) >= 2
        failed = httpx.get(f"{url}{PATH}/{running['id']}").json()
        check_response(failed)
        assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
        where = f"{url}{PATH}/{running['id']}"
        assert check_events(events_of("GET", where, params={"stream": "true"})) == failed
        [last] = events_of("GET", where, params={"stream": "true", "starting_after": 9})
        assert (last["type"], last["sequence_number"]) == ("response.failed", 10)
        reasoning = [item for item in thought["output"] if item["type"] == "reasoning"]
        again = [{"role": "user", "content": SUM}, *reasoning, {"role": "user", "content": "Hi"}]
        answer = httpx.post(f"{url}{PATH}", json={"model": "nano", "input": again}).json()
        assert answer["ossia"]["warnings"] == []
    assert sorted(path.name for path in store.iterdir()) == ["reasoning.key", "responses.sqlite3"]
    [(mode,)] = sqlite3.connect(store / "responses.sqlite3").execute("PRAGMA journal_mode")
    assert mode == "wal"


def test_nothing_that_was_answered_is_lost_by_a_kill(tmp_path: Path) -> None:
    """Several clients in the middle of their requests, and no moment that the server chose."""
    asked = {"model": "nano", "input": "Hi", "temperature": 0, "max_output_tokens": 40}
    told: list[dict[str, Any]] = []

    def ask(url: str) -> None:
        with suppress(httpx.TransportError):
            while True:
                answer = httpx.post(f"{url}{PATH}", json=asked, timeout=60)
                told.append(answer.raise_for_status().json())

    with server_process(tmp_path) as url, ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(ask, url)
        deadline = time.monotonic() + 300
        while len(told) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        kill(url)
    rows = sqlite3.connect(tmp_path / "responses" / "responses.sqlite3")
    assert rows.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows.execute("INSERT INTO said (said) VALUES ('integrity-check')")
    rows.close()
    with server_process(tmp_path) as url:
        for response in told:
            assert httpx.get(f"{url}{PATH}/{response['id']}").json() == response
        found = httpx.get(f"{url}/ossia/responses/search", params={"query": "Hi", "limit": 100})
        answers = {hit["place"] for hit in found.json()["data"]}
        assert {response["id"] for response in told[:20]} <= answers


def kill(address: str) -> None:
    """Ends the server at an address, as a failing machine would."""
    port = address.rpartition(":")[2].encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes().split(b"\0")
                if b"serve" in command and port in command:
                    os.kill(int(entry.name), signal.SIGKILL)
    with suppress(httpx.TransportError):
        while True:
            httpx.get(f"{address}/health")


def test_two_servers_share_a_home(tmp_path: Path) -> None:
    with server_process(tmp_path) as one:
        running = httpx.post(f"{one}{PATH}", json=endless() | {"background": True}).json()
        with server_process(tmp_path) as other:
            found = httpx.get(f"{other}{PATH}/{running['id']}").json()
            assert found["status"] in ("queued", "in_progress"), "it lives in the other process"
            where = f"{other}{PATH}/{running['id']}"
            refused = httpx.get(where, params={"stream": "true"})
            assert refused.status_code == 409
            assert "another process" in refused.json()["error"]["message"]
            assert httpx.post(f"{other}{PATH}/{running['id']}/cancel").status_code == 409
            answer = httpx.post(f"{other}{PATH}", json={"model": "nano", "input": SUM}).json()
        assert httpx.get(f"{one}{PATH}/{answer['id']}").json() == answer
        assert httpx.post(f"{one}{PATH}/{running['id']}/cancel").json()["status"] == "cancelled"


def test_what_another_server_left_in_the_middle_has_failed(tmp_path: Path) -> None:
    with server_process(tmp_path) as survivor:
        with server_process(tmp_path) as other:
            running = httpx.post(f"{other}{PATH}", json=endless() | {"background": True}).json()
            kill(other)
        where = f"{survivor}{PATH}/{running['id']}"
        events = events_of("GET", where, params={"stream": "true"})
        assert check_events(events)["status"] == "failed"
        assert httpx.post(f"{where}/cancel").json() == events[-1]["response"]


@pytest.mark.parametrize("is_background", [False, True])
def test_an_answer_that_cannot_be_kept_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_background: bool
) -> None:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))

    async def talk() -> None:
        models, store = LocalModels({}), Store(tmp_path / "responses")
        responses = Responses(ServerContext(models, store=store), Seal(None))
        asked = {"model": "nano", "input": SUM, "temperature": 0, "background": is_background}
        making = await responses.start(validated(ResponseRequest, asked), "")
        events = []
        async for event in responses.events(making):
            events.append(event)
            if event["type"] == "response.in_progress":
                fill(store)
        failed = check_events(events)
        assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
        assert "no room" in failed["error"]["message"]
        assert failed["output"][-1]["content"][0]["text"] == "27 + 58 = 85"
        with pytest.raises(ResourceError, match="no room"):
            await responses.start(validated(ResponseRequest, asked | {"background": True}), "")
        await models.aclose(0)
        store.close()

    asyncio.run(talk())


def fill(store: Store) -> None:
    """Lets the store grow no more, as a full disk would."""
    rows = store._database._connection
    [(num_pages,)] = rows.execute("PRAGMA page_count")
    rows.execute(f"PRAGMA max_page_count = {num_pages}")
    with suppress(ResourceError):
        for number in itertools.count():
            store.begin("another", {"id": f"resp_{number}"}, kept_items("a", "input"))


def test_answers_that_the_end_of_the_server_cuts_have_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))

    async def talk() -> None:
        models, store = LocalModels({}), Store(tmp_path / "responses")
        context = ServerContext(models, store=store)
        responses = Responses(context, Seal(None))
        request = validated(ResponseRequest, endless() | {"background": True})
        making = await responses.start(request, "")
        events = [event async for event in first(making.follow(), 6)]
        await models.aclose(0)
        await asyncio.gather(*context.tasks)
        events += [event async for event in making.follow(5)]
        found = check_events(events)
        assert (found["status"], found["error"]["code"]) == ("failed", "server_error")
        assert found["output"][-1]["status"] == "incomplete"
        assert await responses.find(found["id"], "") == found
        with pytest.raises(RequestError, match="no response"):
            await responses.find(found["id"], "somebody else")
        store.close()

    asyncio.run(talk())


async def first(events: AsyncGenerator[Any, None], most: int) -> AsyncGenerator[Any, None]:
    async with aclosing(events):
        for _ in range(most):
            yield await anext(events)
