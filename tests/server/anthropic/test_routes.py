"""Anthropic's addresses over a socket: streams as they are sent, and requests that cannot be."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from anthropic.types import ErrorResponse
from tests.server.anthropic.stream import check_message, check_stream

HI: list[Any] = [{"role": "user", "content": "Hello!"}]
VALID: dict[str, Any] = {"model": "nano", "max_tokens": 200, "messages": HI}
TOOL: dict[str, Any] = {"name": "f", "input_schema": {"type": "object"}}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    headers = {"anthropic-version": "2023-06-01"}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        yield client


def post(http: httpx.Client, body: Any, path: str = "/v1/messages") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return http.post(path, content=content)


def events_of(response: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream, each named as it says itself."""
    events = []
    for block in response.text.strip().split("\n\n"):
        lines = [line for line in block.split("\n") if not line.startswith(":")]
        if not lines:
            continue
        name, data = lines
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        events.append(event)
    return events


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"thinking": {"type": "adaptive"}},
        {"thinking": {"type": "adaptive", "display": "omitted"}},
        {"thinking": {"type": "disabled"}},
        {"stop_sequences": ["nano"]},
        {"max_tokens": 1},
        {"tools": [TOOL], "tool_choice": {"type": "any"}, "thinking": {"type": "adaptive"}},
        {"system": "x " * 2000},
    ],
)
def test_every_stream_keeps_the_rules(http: httpx.Client, fields: dict[str, Any]) -> None:
    response = post(http, {**VALID, **fields, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    check_stream(events_of(response))
    whole = post(http, {**VALID, **fields})
    assert whole.status_code == 200
    check_message(whole.json())


def nested(depth: int) -> bytes:
    return json.dumps(VALID).encode().replace(b'"Hello!"', b"[" * depth + b"]" * depth)


HOSTILE: list[tuple[Any, int, str]] = [
    (b"", 400, "not JSON"),
    (b"{", 400, "not JSON"),
    (b"[]", 400, "the body"),
    (b'"x"', 400, "the body"),
    (b"null", 400, "the body"),
    (b"\xff\xfe", 400, "not JSON"),
    (nested(100_000), 400, "nested more than"),
    (nested(50), 400, "messages"),
    ({**VALID, "model": None}, 400, "model"),
    ({**VALID, "model": ""}, 400, "model"),
    ({**VALID, "model": "nope"}, 404, "nope"),
    ({**VALID, "model": "/etc/passwd"}, 404, "path"),
    ({**VALID, "model": "../../x"}, 404, "path"),
    ({**VALID, "model": "x" * 100_000}, 404, "no model"),
    ({"model": "nano", "messages": HI}, 400, "max_tokens is missing"),
    ({**VALID, "max_tokens": 0}, 400, "max_tokens"),
    ({**VALID, "max_tokens": -1}, 400, "max_tokens"),
    ({**VALID, "max_tokens": "9"}, 400, "max_tokens"),
    ({**VALID, "max_tokens": 1.5}, 400, "max_tokens"),
    ({**VALID, "max_tokens": True}, 400, "max_tokens"),
    ({"model": "nano", "max_tokens": 9}, 400, "messages is missing"),
    ({**VALID, "messages": []}, 400, "messages"),
    ({**VALID, "messages": "Hello!"}, 400, "messages"),
    ({**VALID, "messages": [{"role": "robot", "content": "x"}]}, 400, "messages[0].role"),
    ({**VALID, "messages": [{"role": "user"}]}, 400, "messages[0].content"),
    ({**VALID, "messages": [{"role": "user", "content": 7}]}, 400, "messages[0].content"),
    (
        {**VALID, "messages": [{"role": "user", "content": [{"type": "text"}]}]},
        400,
        "text is missing",
    ),
    (
        {**VALID, "messages": [{"role": "user", "content": [{"type": "hologram"}]}]},
        400,
        "hologram",
    ),
    ({**VALID, "messages": [*HI, {"role": "assistant", "content": "I"}]}, 400, "cannot be begun"),
    (
        {**VALID, "messages": [{"role": "user", "content": [{"type": "image"}]}]},
        400,
        "image cannot be shown",
    ),
    (
        {**VALID, "messages": [{"role": "user", "content": [{**USE, "type": "tool_result"}]}]},
        400,
        "tool_use_id",
    ),
    (
        {**VALID, "messages": [*HI, {"role": "assistant", "content": [{**USE, "id": ""}]}, *HI]},
        400,
        "id",
    ),
    (
        {**VALID, "messages": [*HI, {"role": "assistant", "content": [{**USE, "input": 7}]}, *HI]},
        400,
        "input",
    ),
    ({**VALID, "system": 7}, 400, "system"),
    ({**VALID, "system": [{"type": "image"}]}, 400, "system"),
    ({**VALID, "temperature": 1.1}, 400, "temperature"),
    ({**VALID, "temperature": "hot"}, 400, "temperature"),
    ({**VALID, "top_p": 0}, 400, "top_p"),
    ({**VALID, "top_k": -1}, 400, "top_k"),
    ({**VALID, "stop_sequences": "x"}, 400, "stop_sequences"),
    ({**VALID, "stop_sequences": [""]}, 400, "stop string is empty"),
    ({**VALID, "stream": "yes"}, 400, "stream"),
    ({**VALID, "thinking": {"type": "enabled"}}, 400, "budget_tokens"),
    ({**VALID, "thinking": {"type": "enabled", "budget_tokens": 0}}, 400, "budget_tokens"),
    ({**VALID, "thinking": {"type": "maybe"}}, 400, "thinking"),
    ({**VALID, "tools": [{"name": "f"}]}, 400, "input_schema"),
    ({**VALID, "tools": [TOOL, TOOL]}, 400, "the name of two"),
    ({**VALID, "tools": [{**TOOL, "name": ""}]}, 400, "name"),
    ({**VALID, "tools": [TOOL], "tool_choice": {"type": "tool"}}, 400, "tool_choice.name"),
    ({**VALID, "tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, 400, "no tool"),
    ({**VALID, "tool_choice": {"type": "any"}}, 400, "offers no tool"),
    (
        {**VALID, "tools": [{**TOOL, "strict": True, "input_schema": {"type": "number", "x": 1}}]},
        400,
        "'x'",
    ),
    (
        {**VALID, "output_config": {"format": {"type": "json_schema", "schema": {"not": {}}}}},
        400,
        "'not'",
    ),
    ({**VALID, "output_config": {"effort": "heroic"}}, 400, "effort"),
]


@pytest.mark.parametrize(("body", "status", "reason"), HOSTILE)
def test_bad_requests_are_refused_in_words(
    http: httpx.Client, body: Any, status: int, reason: str
) -> None:
    if isinstance(body, dict):
        body = {"stream": True, **body}  # where it is harder, for a status is sent but once
    response = post(http, body)
    assert response.status_code == status, response.text
    error = ErrorResponse.model_validate(response.json()).error
    assert reason in error.message
    assert len(error.message) < 500
    assert error.type == ("not_found_error" if status == 404 else "invalid_request_error")


def test_bad_requests_harm_nobody(http: httpx.Client) -> None:
    body = {**VALID, "max_tokens": 300}
    with http.stream("POST", "/v1/messages", json={**body, "stream": True}) as stream:
        for bad, _, _ in HOSTILE:
            post(http, bad)
        stream.read()
    check_stream(events_of(stream))


def test_counting_is_refused_the_same_way(http: httpx.Client) -> None:
    for body in ({"model": "nano"}, {**VALID, "messages": []}, {**VALID, "model": "nope"}):
        response = post(http, body, "/v1/messages/count_tokens")
        assert response.status_code in (400, 404)
        ErrorResponse.model_validate(response.json())


def test_what_is_unknown_is_let_through_and_told(http: httpx.Client) -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}
    body = {**VALID, "tools": [search], "service_tier": "auto", "container": None, "new": 1}
    response = post(http, body)
    assert response.status_code == 200
    assert "web_search" in response.json()["ossia"]["warnings"][0]
