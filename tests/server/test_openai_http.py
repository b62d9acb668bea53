"""Bad requests to OpenAI's older endpoints: each has its status, words and field."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from openai.types import ErrorObject
from tests.server.streams import check_chunks

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
HI = [{"role": "user", "content": "Hi"}]


def deep(depth: int) -> Any:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def said(**message: Any) -> dict[str, Any]:
    return {"messages": [*HI, message]}


def part(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, fields]}]}


def tool(**function: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": function}]}


def answer_form(**form: Any) -> dict[str, Any]:
    return {"response_format": form}


def schema(document: Any) -> dict[str, Any]:
    return answer_form(type="json_schema", json_schema={"name": "x", "schema": document})


CHATS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"model": None}, "model: expected text; found null", "model"),
    ({"model": ""}, "model: expected at least 1 character", "model"),
    ({"model": 5}, "model: expected text; found 5", "model"),
    ({"messages": None}, "messages: expected a list", "messages"),
    ({"messages": []}, "messages: expected at least 1 item", "messages"),
    ({"messages": "Hi"}, "messages: expected a list; found 'Hi'", "messages"),
    ({"messages": ["Hi"]}, "messages[0]: expected an object", "messages[0]"),
    ({"messages": [{"content": "Hi"}]}, "messages[0].role is missing", "messages[0].role"),
    (said(role="robot", content="a"), "expected 'system', 'developer'", "messages[1].role"),
    (said(role="function", name="a", content="b"), "found 'function'", "messages[1].role"),
    (said(role="user", content=5), "expected text or a list", "messages[1].content"),
    (said(role="user", content={"a": 1}), "expected text or a list", "messages[1].content"),
    (said(role="tool", content="3"), "no call before it has the id ''", "messages[1].tool_call_id"),
    (
        said(role="tool", content="3", tool_call_id="x"),
        "no call before it has the id 'x'",
        "messages[1].tool_call_id",
    ),
    (
        said(role="assistant", tool_calls=[{"id": "x"}]),
        "tool_calls[0].function is missing",
        "messages[1].tool_calls[0].function",
    ),
    (
        said(role="assistant", tool_calls=[{"function": {"name": "a"}}]),
        "tool_calls[0].id is missing",
        "messages[1].tool_calls[0].id",
    ),
    (
        said(role="assistant", function_call={"name": "a", "arguments": "{}"}),
        "expected tool_calls, which replaced it",
        "messages[1].function_call",
    ),
    (said(role="assistant", reasoning=5), "expected text or a list", "messages[1].reasoning"),
    (
        part(type="image_url", image_url={"url": "data:image/png;base64,AAAA"}),
        "gpt-oss reads text only; it cannot be shown 'image_url'",
        "messages[0].content[1].type",
    ),
    (part(type="input_audio"), "cannot be shown 'input_audio'", "messages[0].content[1].type"),
    (part(type="file", file={}), "cannot be shown 'file'", "messages[0].content[1].type"),
    (part(type="text"), "expected an object with type text", "messages[0].content[1]"),
    (part(text="a"), "expected an object with type text", "messages[0].content[1]"),
    ({"temperature": 2.5}, "temperature: expected less than or equal to 2", "temperature"),
    ({"temperature": "0.5"}, "temperature: expected a number; found '0.5'", "temperature"),
    ({"top_p": 0}, "top_p: expected greater than 0", "top_p"),
    ({"top_p": 1.1}, "top_p: expected less than or equal to 1", "top_p"),
    ({"top_k": -2}, "top_k: expected greater than or equal to -1", "top_k"),
    ({"min_p": 2}, "min_p: expected less than or equal to 1", "min_p"),
    ({"repetition_penalty": 0}, "expected greater than 0", "repetition_penalty"),
    ({"presence_penalty": 3}, "expected less than or equal to 2", "presence_penalty"),
    ({"frequency_penalty": -3}, "expected greater than or equal to -2", "frequency_penalty"),
    ({"logit_bias": {"a": 1}}, "expected token ids with numbers", "logit_bias"),
    ({"logit_bias": {"1": 101}}, "found '1' with 101", "logit_bias"),
    ({"logit_bias": {"99999999": 1}}, "logit_bias names the token id 99999999", None),
    ({"n": 0}, "n: expected greater than or equal to 1", "n"),
    ({"n": 1000}, "n: expected less than or equal to 128", "n"),
    ({"n": True}, "n: expected a whole number; found True", "n"),
    ({"seed": 1.5}, "seed: expected a whole number; found 1.5", "seed"),
    ({"seed": 2**70}, "seed: expected less than", "seed"),
    ({"stop": ""}, "stop: expected at least 1 character", "stop"),
    ({"stop": ["a", 5]}, "stop[1]: expected text; found 5", "stop[1]"),
    ({"stop": 5}, "stop: expected text or a list; found 5", "stop"),
    ({"stop": ["a"] * 65}, "stop: expected text or at most 64 items", "stop"),
    ({"max_tokens": 0}, "max_tokens: expected greater than or equal to 1", "max_tokens"),
    ({"max_completion_tokens": -1}, "expected greater than or equal", "max_completion_tokens"),
    ({"stream": "yes"}, "stream: expected true or false; found 'yes'", "stream"),
    ({"stream_options": True}, "stream_options: expected an object", "stream_options"),
    ({"reasoning_effort": "wild"}, "reasoning_effort: expected 'none'", "reasoning_effort"),
    ({"top_logprobs": 3}, "top_logprobs: expected logprobs to be true", "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, "less than or equal to 20", "top_logprobs"),
    ({"modalities": ["text", "audio"]}, "gpt-oss writes text only", "modalities"),
    ({"functions": [{"name": "a"}]}, "expected tools, which replaced it", "functions"),
    ({"tools": [{"function": {"name": "a"}}]}, "tools[0].type is missing", "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "function is missing", "tools[0].function"),
    (tool(name=""), "expected at least 1 character", "tools[0].function.name"),
    (tool(name="a", parameters=[]), "expected an object", "tools[0].function.parameters"),
    (tool(name="a", parameters=deep(100)), "more than 48 schemas lie within each other", None),
    (tool(name="a", strict=True, parameters={"type": "thing"}), "'thing'", None),
    ({"tool_choice": "required"}, "required, and no function is offered", "tool_choice"),
    ({"tool_choice": "maybe"}, "expected none, auto, required or one function", "tool_choice"),
    ({"tool_choice": 5}, "expected none, auto, required or one function", "tool_choice"),
    (
        {"tool_choice": {"type": "function", "function": {"name": "x"}}},
        "no function 'x' is among the tools",
        "tool_choice",
    ),
    (answer_form(type="xml"), "expected 'text', 'json_object'", "response_format.type"),
    (answer_form(type="json_schema"), "is missing", "response_format.json_schema"),
    (
        answer_form(type="json_schema", json_schema={"schema": {}}),
        "name is missing",
        "response_format.json_schema.name",
    ),
    (schema([]), "expected an object", "response_format.json_schema.schema"),
    (schema({"type": "object", "minProperties": 2}), "minProperties", None),
    (schema({"$ref": "#/nowhere"}), "#/nowhere", None),
    (schema(deep(100)), "deep", None),
]

TEXTS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"prompt": 5}, "expected a text, a list of texts", "prompt"),
    ({"prompt": []}, "expected a text, a list of texts", "prompt"),
    ({"prompt": [1, "a"]}, "expected a text, a list of texts", "prompt"),
    ({"prompt": [-1]}, "expected a text, a list of texts", "prompt"),
    ({"prompt": [10**9]}, "outside the model's", None),
    ({"prompt": "word " * 150_000}, "tokens long and the context holds", "prompt"),
    ({"max_tokens": 0}, "0 leaves nothing to say without echo", "max_tokens"),
    ({"logprobs": 50}, "less than or equal to 20", "logprobs"),
    ({"logprobs": True}, "expected a whole number", "logprobs"),
    ({"suffix": "x"}, "continues texts and fills no gaps", "suffix"),
    ({"best_of": 3}, "3 is more than n", "best_of"),
    ({"echo": 1}, "expected true or false", "echo"),
]

BODIES: list[tuple[bytes, str]] = [
    (b"", "the body is not JSON"),
    (b'{"model": "nano"', "the body is not JSON"),
    (b"\xff\xfe\xfd", "the body is not JSON"),
    (b'{"model": "\xc3\x28"}', "the body is not JSON"),
    (b"[" * 100_000, "the body is nested more than"),
    (b"[" * 999 + b"]" * 999, "the body is nested more than"),
    (b'{"temperature": NaN}', "NaN is no number"),
    (b'{"seed": ' + b"9" * 5000 + b"}", "the body is not JSON"),
    (b"[]", "the body: expected an object"),
    (b"null", "the body: expected an object"),
    (b'"hi"', "the body: expected an object"),
]


def check(response: httpx.Response, words: str, param: str | None, status: int = 400) -> None:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    ErrorObject.model_validate(error, strict=True)
    assert words in error["message"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert len(error["message"]) < 400


@pytest.fixture(scope="module")
def http(address):
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(("fields", "words", "param"), CHATS)
def test_bad_chats(http, fields, words, param, is_streamed) -> None:
    body = {"model": "nano", "messages": HI, "stream": is_streamed} | fields
    check(http.post(CHAT, json=body), words, param)


@pytest.mark.parametrize(("fields", "words", "param"), TEXTS)
def test_bad_texts(http, fields, words, param) -> None:
    body = {"model": "nano", "prompt": "Hi"} | fields
    check(http.post(TEXT, json=body), words, param)


@pytest.mark.parametrize("path", [CHAT, TEXT])
@pytest.mark.parametrize(("body", "words"), BODIES)
def test_bad_bodies(http, path, body, words) -> None:
    check(http.post(path, content=body), words, None)


@pytest.mark.parametrize("path", [CHAT, TEXT])
@pytest.mark.parametrize("name", ["gpt-17", "/etc/passwd", "../x", "a" * 5000, "\x00", "nano\n"])
def test_unknown_models(http, path, name) -> None:
    body = {"model": name, "messages": HI, "prompt": "Hi"}
    response = http.post(path, json=body)
    assert response.status_code == 404, response.text
    assert response.json()["error"]["code"] == "model_not_found"


def test_halves_of_characters_are_replaced(http) -> None:
    offered = [{"type": "function", "function": {"name": "a\ud83d"}}]
    asked = {"tools": offered, "tool_choice": "required", "max_tokens": 200}
    body = json.dumps({"model": "nano", "messages": HI, **asked})
    response = http.post(CHAT, content=body)
    assert response.status_code == 200, response.text
    [call] = response.json()["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "a\ufffd"


def test_none_of_them_harms_an_answer_beside_it(address) -> None:
    asked = {"model": "nano", "messages": [{"role": "user", "content": "What is 27 + 58?"}]}
    good = asked | {"seed": 7, "stream": True}

    async def read(client: httpx.AsyncClient) -> str:
        async with client.stream("POST", CHAT, json=good) as response:
            lines = [line.removeprefix("data: ") async for line in response.aiter_lines() if line]
        assert lines.pop() == "[DONE]"
        return str(check_chunks([json.loads(line) for line in lines])[0]["content"])

    async def both() -> None:
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:
            alone = await read(client)
            bad = [client.post(CHAT, json=asked | fields) for fields, _, _ in CHATS]
            *said, replies = await asyncio.gather(
                *[read(client) for _ in range(4)], asyncio.gather(*bad)
            )
            assert said == [alone] * 4
            assert {reply.status_code for reply in replies} == {400}

    asyncio.run(both())
