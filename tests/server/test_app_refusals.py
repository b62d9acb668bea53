"""A table of bad requests, each with its status and message; a neighbour is never harmed by one.

While they come somebody else's answers are made over and over, and every one is what it was alone;
afterwards nothing is left under way.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from tests.server.endless import endless
from tests.server.process import server_process
from tests.server.test_app import counts

NOW: Any = {"model": "nano"}
SAID: Any = [{"role": "user", "content": "Hi"}]
CHAT: Any = {"model": "nano", "messages": SAID}
TURN: Any = {"model": "nano", "max_tokens": 5, "messages": SAID}
LONG = "so " * 200_000
DEEP = b'{"a":' * 300 + b"1" + b"}" * 300
DEEPER = b"[" * 100_000

POST, GET, DELETE, PUT, PATCH = "POST", "GET", "DELETE", "PUT", "PATCH"
COMPLETE, ANSWER, PLAIN = "/v1/chat/completions", "/v1/responses", "/v1/completions"
TALK, MAKE, SAY = "/api/chat", "/api/generate", "/v1/messages"
KEPT, NODES = "/ossia/chats", "/ossia/chats/nobody/nodes"
NO_JSON, TOO_DEEP = "the body is not JSON", "nested more than 256 times"

TABLE: list[tuple[str, str, Any, int, str]] = [
    # What is no JSON, in every dialect
    (POST, COMPLETE, b"", 400, NO_JSON),
    (POST, COMPLETE, b"{", 400, NO_JSON),
    (POST, COMPLETE, b"\xff\xfe{}", 400, NO_JSON),
    (POST, COMPLETE, b'{"model": "\xc3\x28"}', 400, NO_JSON),
    (POST, COMPLETE, b'{"model": NaN}', 400, NO_JSON),
    (POST, COMPLETE, b'{"temperature": 1e999}', 400, "larger than any number"),
    (POST, COMPLETE, b'{"seed": ' + b"9" * 5000 + b"}", 400, NO_JSON),
    (POST, ANSWER, b"not json", 400, NO_JSON),
    (POST, PLAIN, b"{'model': 1}", 400, NO_JSON),
    (POST, TALK, b"{", 400, NO_JSON),
    (POST, SAY, b"{", 400, NO_JSON),
    (POST, KEPT, b"\x00", 400, NO_JSON),
    (PATCH, f"{KEPT}/x", b"{", 400, NO_JSON),
    (PUT, "/ossia/personas/x", b"[", 400, NO_JSON),
    # What is nested too deeply
    (POST, COMPLETE, DEEP, 400, TOO_DEEP),
    (POST, COMPLETE, DEEPER, 400, TOO_DEEP),
    (POST, ANSWER, DEEP, 400, TOO_DEEP),
    (POST, TALK, DEEPER, 400, TOO_DEEP),
    (POST, SAY, DEEP, 400, TOO_DEEP),
    (POST, NODES, DEEP, 400, TOO_DEEP),
    # What is no object
    (POST, COMPLETE, b"[]", 400, "the body: expected an object"),
    (POST, COMPLETE, b"null", 400, "the body: expected an object"),
    (POST, ANSWER, b'"nano"', 400, "the body: expected an object"),
    (POST, TALK, b"7", 400, "the body: expected an object"),
    (POST, SAY, b"true", 400, "the body: expected an object"),
    (POST, "/ossia/models/load", b"[]", 400, "the body: expected an object"),
    # Fields that are not there, or of other types
    (POST, COMPLETE, {}, 400, "is missing"),
    (POST, COMPLETE, NOW, 400, "messages is missing"),
    (POST, COMPLETE, CHAT | {"messages": "Hi"}, 400, "messages: expected a list; found 'Hi'"),
    (POST, COMPLETE, CHAT | {"messages": []}, 400, "messages"),
    (POST, COMPLETE, CHAT | {"messages": [{"role": "king"}]}, 400, "messages[0].role"),
    (POST, COMPLETE, CHAT | {"temperature": "hot"}, 400, "temperature: expected a number"),
    (POST, COMPLETE, CHAT | {"temperature": 9}, 400, "temperature"),
    (POST, COMPLETE, CHAT | {"max_tokens": 0}, 400, "max_tokens"),
    (POST, COMPLETE, CHAT | {"n": 10**9}, 400, "n: "),
    (POST, COMPLETE, CHAT | {"stop": [""] * 99}, 400, "stop"),
    (POST, COMPLETE, CHAT | {"top_logprobs": 21}, 400, "top_logprobs"),
    (POST, COMPLETE, CHAT | {"logit_bias": {"x": 1}}, 400, "logit_bias"),
    (POST, COMPLETE, CHAT | {"reasoning_effort": "huge"}, 400, "reasoning_effort"),
    (POST, COMPLETE, CHAT | {"tools": [{"type": "function"}]}, 400, "tools[0].function"),
    (POST, COMPLETE, CHAT | {"response_format": {"type": "xml"}}, 400, "response_format.type"),
    (POST, ANSWER, NOW, 400, "input is missing"),
    (POST, ANSWER, NOW | {"input": 3}, 400, "input: expected"),
    (POST, ANSWER, NOW | {"input": [{"type": 3}]}, 400, "input[0].type"),
    (POST, ANSWER, NOW | {"input": "Hi", "top_p": 0}, 400, "top_p"),
    (POST, ANSWER, NOW | {"input": "Hi", "metadata": {"a": 1}}, 400, "metadata"),
    (POST, ANSWER, NOW | {"input": "Hi", "background": True, "store": False}, 400, "store"),
    (POST, PLAIN, NOW | {"prompt": {}}, 400, "prompt"),
    (POST, PLAIN, NOW | {"prompt": [10**12]}, 400, "prompt"),
    (POST, PLAIN, NOW | {"prompt": "x", "logprobs": 99}, 400, "logprobs"),
    (POST, TALK, {}, 400, "model is missing"),
    (POST, TALK, CHAT | {"messages": {}}, 400, "messages"),
    (POST, TALK, CHAT | {"options": {"temperature": []}}, 400, "temperature"),
    (POST, TALK, CHAT | {"think": "hard"}, 400, "think"),
    (POST, TALK, CHAT | {"keep_alive": "soon"}, 400, "keep_alive"),
    (POST, MAKE, NOW | {"prompt": 5}, 400, "prompt"),
    (POST, MAKE, NOW | {"prompt": "x", "images": ["aGk="]}, 400, "images"),
    (POST, SAY, CHAT, 400, "max_tokens"),
    (POST, SAY, TURN | {"messages": []}, 400, "messages"),
    (POST, SAY, TURN | {"thinking": {"type": "some"}}, 400, "thinking"),
    (POST, "/v1/conversations", {"items": [{}]}, 400, "items[0]"),
    (GET, "/ossia/responses/search", None, 400, "query is missing"),
    (POST, "/ossia/models/load", NOW, 400, "name"),
    (POST, KEPT, {"model": ["nano"]}, 400, "model: expected text"),
    # Pictures, which no gpt-oss can see
    (
        *(POST, COMPLETE),
        CHAT | {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        *(400, "image_url"),
    ),
    # Prompts that no context holds: both numbers
    (
        POST,
        COMPLETE,
        CHAT | {"messages": [{"role": "user", "content": LONG}]},
        400,
        "tokens long and the context holds",
    ),
    (POST, ANSWER, NOW | {"input": LONG}, 400, "tokens long and the context holds"),
    (POST, PLAIN, NOW | {"prompt": LONG}, 400, "tokens long and the context holds"),
    (
        POST,
        TALK,
        CHAT | {"messages": [{"role": "user", "content": LONG}]},
        400,
        "tokens long and the context holds",
    ),
    (
        POST,
        SAY,
        TURN | {"messages": [{"role": "user", "content": LONG}]},
        400,
        "tokens long and the context holds",
    ),
    # Names of nobody
    (POST, COMPLETE, CHAT | {"model": "nobody"}, 404, "no model 'nobody': no name that is known"),
    (POST, COMPLETE, CHAT | {"model": "../../etc/passwd"}, 404, "a path is no name"),
    (POST, COMPLETE, CHAT | {"model": "x" * 5000}, 404, "no model 'xxx"),
    (POST, COMPLETE, CHAT | {"model": "é\r\nx: y"}, 404, "no model"),
    (POST, ANSWER, {"model": "nobody", "input": "Hi"}, 404, "no model 'nobody'"),
    (POST, PLAIN, {"model": "nobody", "prompt": "Hi"}, 404, "no model 'nobody'"),
    (POST, TALK, CHAT | {"model": "nobody"}, 404, "nobody"),
    (POST, SAY, TURN | {"model": "nobody"}, 404, "nobody"),
    (POST, ANSWER, NOW | {"input": "Hi", "previous_response_id": "resp_x"}, 400, "no response"),
    (POST, ANSWER, NOW | {"input": "Hi", "conversation": "conv_x"}, 404, "no conversation"),
    (GET, f"{ANSWER}/resp_x", None, 404, "no response 'resp_x'"),
    (GET, f"{ANSWER}/resp_x?stream=true", None, 404, "no response"),
    (DELETE, f"{ANSWER}/resp_x", None, 404, "no response"),
    (POST, f"{ANSWER}/resp_x/cancel", None, 404, "no response"),
    (GET, "/ossia/responses/resp_x/harmony", None, 404, "no response"),
    (GET, "/v1/conversations/conv_x", None, 404, "no conversation"),
    (GET, "/v1/models/nobody", None, 404, "nobody"),
    (DELETE, "/ossia/loaded/nobody", None, 404, "nobody"),
    (POST, "/api/show", {"model": "nobody"}, 404, "nobody"),
    (DELETE, "/api/delete", {"model": "nobody"}, 404, "nobody"),
    (GET, f"{KEPT}/chat_x", None, 404, "no chat 'chat_x'"),
    (DELETE, "/ossia/personas/nobody", None, 404, "nobody"),
    # Addresses and methods of nothing
    (GET, "/v1/nothing", None, 404, "nothing answers at '/v1/nothing'"),
    (GET, "/../../etc/passwd", None, 404, "nothing answers"),
    (GET, "/%00", None, 404, "nothing answers"),
    (GET, COMPLETE, None, 405, "answers POST, not GET"),
    (DELETE, SAY, None, 405, "answers POST, not DELETE"),
    (PUT, "/api/tags", {}, 405, "not PUT"),
    (PUT, KEPT, {}, 405, "answers GET, HEAD, POST, not PUT"),
    (POST, f"{KEPT}/x", {}, 405, "answers DELETE, GET, HEAD, PATCH, not POST"),
    ("BREW", "/health", None, 405, "not BREW"),
    # What this server does not do
    (POST, "/api/embed", NOW | {"input": "x"}, 400, "text only"),
    (POST, "/api/push", NOW, 400, "uploads no models"),
    (POST, "/ossia/documents?name=a.bin", bytes(range(256)), 400, "is no text"),
    (POST, "/ossia/documents?name=a.pdf", b"%PDF-1.7", 400, "damaged"),
]

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
BODY = json.dumps(CHAT).encode()
WHOLE = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY

RAW: list[tuple[str, bytes, tuple[int | None, ...]]] = [
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,)),
    ("giant header", HEAD + b"x-a: " + b"a" * (1 << 20) + b"\r\n\r\n", (400, 431, None)),
    ("many headers", HEAD + b"x-a: b\r\n" * 9000 + b"\r\n", (400, 431)),
    ("no host", b"GET /health HTTP/1.1\r\n\r\n", (400, 403)),
    ("another's host", b"GET /health HTTP/1.1\r\nhost: evil.example\r\n\r\n", (403,)),
    ("a page's origin", HEAD + b"origin: https://evil.example\r\n\r\n", (403,)),
    ("negative length", HEAD + b"content-length: -1\r\n\r\n", (400,)),
    ("two lengths", HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}", (400,)),
    ("much too long", HEAD + b"content-length: 99999999999\r\n\r\n", (413,)),
    ("broken chunks", HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", (400, None)),
    ("a space in a name", HEAD + b"x a: b\r\n\r\n", (400,)),
]


def answered(address: str, sent: bytes, *, is_half_closed: bool = False) -> int | None:
    """The status of what comes back; None where the connection is closed without a word."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        try:
            connection.sendall(sent)
            if is_half_closed:
                connection.shutdown(socket.SHUT_WR)
            head = connection.recv(64)
        except OSError:  # closed while we spoke
            return None
    return int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else None


def whole(address: str) -> str:
    """The neighbour's answer."""
    body = endless(max_completion_tokens=300, stream=False)
    answer = httpx.post(f"{address}{COMPLETE}", json=body, timeout=120).json()["choices"][0]
    assert answer["finish_reason"] == "length"
    return str(answer["message"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of these tests alone."""
    with server_process(tmp_path_factory.mktemp("refusals")) as url:
        yield url


@contextmanager
def neighbour(address: str) -> Iterator[None]:
    """Somebody who asks meanwhile, and gets what he always gets; nothing is left at the end."""
    alone, others = whole(address), []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set() or not others:
            others.append(whole(address))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(120)
    assert set(others) == {alone}
    limit = time.monotonic() + 60
    while True:
        found = counts(address)
        (loaded,) = httpx.get(f"{address}/ossia/loaded").json()["models"]
        left = found["running", ""], found["waiting", ""], loaded["num_requests"]
        if not any(left):
            return
        assert time.monotonic() < limit, left


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) + len(RAW) >= 100
    assert len({(method, path, str(body)) for method, path, body, *_ in TABLE}) == len(TABLE)


@pytest.mark.timeout(300)
def test_bad_requests_are_refused_in_words_and_harm_nobody(served: str) -> None:
    wrong = []
    with neighbour(served), httpx.Client(base_url=served, timeout=60) as client:
        for method, path, body, status, words in TABLE:
            kind = "content" if isinstance(body, bytes) else "json"
            response = client.request(method, path, **{kind: body})
            error = response.json().get("error")
            message = error if isinstance(error, str) else error["message"]
            if response.status_code != status or words not in message:
                wrong.append((method, path, str(body)[:80], response.status_code, message))
            assert len(message) < 500  # what was sent is not sent back
            assert "Traceback" not in message
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.timeout(300)
def test_what_is_no_request_is_refused_too(served: str) -> None:
    wrong = []
    with neighbour(served):
        for name, sent, expected in RAW:
            if (found := answered(served, sent)) not in expected:
                wrong.append((name, found))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.timeout(300)
def test_half_closed_sockets_slow_senders_and_readers_harm_nobody(served: str) -> None:
    host, port = served.removeprefix("http://").split(":")
    body = json.dumps(endless()).encode()
    stream = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    with neighbour(served):
        answered(served, WHOLE, is_half_closed=True)
        held = [socket.create_connection((host, int(port)), timeout=60) for _ in range(30)]
        for number, connection in enumerate(held):
            if number % 3 == 0:
                connection.sendall(stream)  # asks, and never reads
            elif number % 3 == 1:
                connection.sendall(WHOLE[: 10 + number])  # never says it all
            else:
                connection.sendall(stream[:-5])
                connection.shutdown(socket.SHUT_WR)
        assert whole(served)  # others are served meanwhile
        for connection in held:
            connection.close()
