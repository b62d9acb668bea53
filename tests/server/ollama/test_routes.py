"""Ollama's addresses over a socket: streams as they are sent, and requests that cannot be."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.server.ollama.stream import check_end, check_lines

HI: list[Any] = [{"role": "user", "content": "Hello!"}]
CHAT: dict[str, Any] = {"model": "nano", "messages": HI, "options": {"num_predict": 200}}
GENERATE: dict[str, Any] = {"model": "nano", "prompt": "Hello!", "options": {"num_predict": 200}}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f"}}
CALL = {"function": {"name": "f", "arguments": {}}}


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


def post(http: httpx.Client, path: str, body: Any, method: str = "POST") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return http.request(method, path, content=content)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", CHAT),
        ("/api/chat", {**CHAT, "think": False}),
        ("/api/chat", {**CHAT, "options": {"num_predict": 1}}),
        ("/api/chat", {**CHAT, "options": {"stop": ["nano"]}}),
        ("/api/chat", {**CHAT, "tools": [TOOL], "tool_choice": "required"}),
        ("/api/chat", {**CHAT, "format": "json"}),
        ("/api/chat", {**CHAT, "logprobs": True}),
        ("/api/generate", GENERATE),
        ("/api/generate", {**GENERATE, "system": "x " * 2000}),
        ("/api/generate", {**GENERATE, "raw": True}),
    ],
)
def test_every_stream_keeps_the_rules(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    response = post(http, path, body)
    assert response.headers["content-type"].startswith("application/x-ndjson")
    check_lines([json.loads(line) for line in response.text.splitlines()])
    whole = post(http, path, {**body, "stream": False})
    assert whole.status_code == 200
    check_end(whole.json())


def test_what_clients_look_for_first(http: httpx.Client) -> None:
    for path in ("/", "/api/version", "/api/tags"):
        for method in ("GET", "HEAD"):
            assert http.request(method, path).status_code == 200
    version = http.get("/api/version").json()["version"]
    assert tuple(map(int, version.split("."))) >= (0, 13, 4)


def said(**message: Any) -> dict[str, Any]:
    return {**CHAT, "messages": [*HI, message]}


HOSTILE: list[tuple[str, Any, int, str]] = [
    ("/api/chat", b"", 400, "not JSON"),
    ("/api/chat", b"{", 400, "not JSON"),
    ("/api/chat", b"[]", 400, "the body"),
    ("/api/chat", b"\xff", 400, "not JSON"),
    ("/api/chat", b'{"messages":' + b"[" * 100_000, 400, "nested more than"),
    ("/api/chat", {"messages": HI}, 400, "model is missing"),
    ("/api/chat", {**CHAT, "model": ""}, 400, "model"),
    ("/api/chat", {**CHAT, "model": 7}, 400, "model"),
    ("/api/chat", {**CHAT, "model": "nope"}, 404, "nope"),
    ("/api/chat", {**CHAT, "model": "/etc/passwd"}, 404, "path"),
    ("/api/chat", {**CHAT, "messages": "Hello!"}, 400, "messages"),
    ("/api/chat", {**CHAT, "messages": [{"content": "x"}]}, 400, "messages[0].role"),
    ("/api/chat", said(role="robot", content="x"), 400, "messages[1].role"),
    ("/api/chat", said(role="user", content=[{"type": "text"}]), 400, "messages[1].content"),
    ("/api/chat", said(role="user", content="?", images=["aGk="]), 400, "no images"),
    ("/api/chat", said(role="tool", content="85"), 400, "no call before it"),
    (
        "/api/chat",
        said(role="assistant", tool_calls=[{"function": {"name": "f", "arguments": "{}"}}]),
        400,
        "arguments",
    ),
    ("/api/chat", said(role="assistant", tool_calls=[{"function": {}}]), 400, "name is missing"),
    ("/api/chat", said(role="assistant", tool_calls=[CALL], thinking=7), 400, "thinking"),
    ("/api/chat", {**CHAT, "tools": [{"type": "function"}]}, 400, "function is missing"),
    ("/api/chat", {**CHAT, "tools": [TOOL, TOOL]}, 400, "same name"),
    ("/api/chat", {**CHAT, "tools": {"f": TOOL}}, 400, "tools"),
    ("/api/chat", {**CHAT, "tool_choice": "required"}, 400, "offers no tool"),
    ("/api/chat", {**CHAT, "tool_choice": "sometimes"}, 400, "tool_choice"),
    ("/api/chat", {**CHAT, "think": "heroic"}, 400, "think"),
    ("/api/chat", {**CHAT, "think": 3}, 400, "think"),
    ("/api/chat", {**CHAT, "stream": "no"}, 400, "stream"),
    ("/api/chat", {**CHAT, "format": "yaml"}, 400, "format"),
    ("/api/chat", {**CHAT, "format": {"not": {}}}, 400, "'not'"),
    ("/api/chat", {**CHAT, "format": {"type": "colour"}}, 400, "type"),
    ("/api/chat", {**CHAT, "options": {"temperature": -1}}, 400, "temperature"),
    ("/api/chat", {**CHAT, "options": {"temperature": "hot"}}, 400, "temperature"),
    ("/api/chat", {**CHAT, "options": {"top_p": 2}}, 400, "top_p"),
    ("/api/chat", {**CHAT, "options": {"seed": 2**64}}, 400, "seed"),
    ("/api/chat", {**CHAT, "options": {"num_predict": 1.5}}, 400, "num_predict"),
    ("/api/chat", {**CHAT, "options": {"stop": [""]}}, 400, "stop string is empty"),
    ("/api/chat", {**CHAT, "options": {"repeat_penalty": 0}}, 400, "repetition_penalty"),
    ("/api/chat", {**CHAT, "options": [1]}, 400, "options"),
    ("/api/chat", {**CHAT, "keep_alive": "soon"}, 400, "keep_alive"),
    ("/api/chat", {**CHAT, "keep_alive": [5]}, 400, "keep_alive"),
    ("/api/chat", {**CHAT, "top_logprobs": 21}, 400, "top_logprobs"),
    ("/api/generate", {**GENERATE, "suffix": "x"}, 400, "suffix"),
    ("/api/generate", {**GENERATE, "template": "x"}, 400, "template"),
    ("/api/generate", {**GENERATE, "images": ["aGk="]}, 400, "no images"),
    ("/api/generate", {**GENERATE, "context": [1, 2, 3]}, 400, "context"),
    ("/api/generate", {**GENERATE, "context": ["x"]}, 400, "context"),
    ("/api/generate", {**GENERATE, "prompt": 7}, 400, "prompt"),
    ("/api/generate", {**GENERATE, "raw": True, "system": "x"}, 400, "system"),
    ("/api/generate", {**GENERATE, "raw": True, "format": "json"}, 400, "format"),
    ("/api/generate", {"model": "nope"}, 404, "nope"),
    ("/api/show", {}, 400, "model is missing"),
    ("/api/show", {"model": "nope"}, 404, "not found"),
    ("/api/show", {"model": "/etc"}, 404, "not found"),
    ("/api/show", {"model": "../ossia"}, 404, "not found"),
    ("/api/copy", {"source": "nope", "destination": "x"}, 404, "not found"),
    ("/api/copy", {"source": "/etc", "destination": "x"}, 404, "not found"),
    ("/api/copy", {"source": "nano", "destination": "nano"}, 400, "nano"),
    ("/api/copy", {"source": "nano", "destination": "../x"}, 400, "path"),
    ("/api/copy", {"source": "nano"}, 400, "destination is missing"),
    ("/api/create", {"model": "x"}, 400, "from is missing"),
    ("/api/create", {"model": "x", "from": "nope"}, 404, "not found"),
    ("/api/create", {"model": "x", "from": "/etc"}, 404, "not found"),
    ("/api/create", {"model": "gpt-oss:20b", "from": "nano"}, 400, "always means"),
    ("/api/create", {"model": "a/b/c", "from": "nano"}, 400, "a/b/c"),
    ("/api/create", {"model": "x", "from": "nano", "files": {"a": "b"}}, 400, "files"),
    ("/api/create", {"model": "x", "from": "nano", "template": "y"}, 400, "template"),
    (
        "/api/create",
        {"model": "x", "from": "nano", "parameters": {"temperature": -1}},
        400,
        "temperature",
    ),
    ("/api/pull", {"model": "/etc"}, 404, "not found"),
    ("/api/pull", {"model": "nope"}, 400, "nope"),
    ("/api/embed", {"model": "nano", "input": "x"}, 400, "embeddings"),
    ("/api/embeddings", {"model": "nano", "prompt": "x"}, 400, "embeddings"),
    ("/api/push", {"model": "nano"}, 400, "uploads"),
]


@pytest.mark.parametrize(("path", "body", "status", "reason"), HOSTILE)
def test_bad_requests_are_refused_in_words(
    http: httpx.Client, path: str, body: Any, status: int, reason: str
) -> None:
    response = post(http, path, body)
    assert response.status_code == status, response.text
    (error,) = response.json().values()
    assert reason in error
    assert len(error) < 500


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [("nope", 404, "not found"), ("/etc", 404, "not found"), ("nano", 400, "a part of ossia")],
)
def test_what_cannot_be_deleted(http: httpx.Client, name: str, status: int, reason: str) -> None:
    response = post(http, "/api/delete", {"model": name}, "DELETE")
    assert response.status_code == status
    assert reason in response.json()["error"]


def test_bad_requests_harm_nobody(http: httpx.Client) -> None:
    with http.stream("POST", "/api/chat", json=CHAT) as stream:
        for path, bad, _, _ in HOSTILE:
            post(http, path, bad)
        stream.read()
    check_lines([json.loads(line) for line in stream.text.splitlines()])
