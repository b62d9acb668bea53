"""The official ``openai`` package against nano in a server process."""

import asyncio
import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import httpx
import openai
import pytest
from openai.lib.streaming.chat import ChunkEvent
from openai.types.chat import ChatCompletion
from pydantic import BaseModel
from tests.server.streams import check_chunks

from ossia import hub
from ossia.checkpoint import open_checkpoint
from ossia.tokenizer import load_tokenizer

PATH = "/v1/chat/completions"
SUM = [{"role": "user", "content": "What is 27 + 58?"}]
LONG = [{"role": "user", "content": "word " * 200_000}]
ADD: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"type": "integer", "minimum": 0, "maximum": 99},
                "b": {"type": "integer", "minimum": 0, "maximum": 99},
            },
            "required": ["a", "b"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
NAMED = {"type": "function", "function": {"name": "add"}}


@pytest.fixture(scope="module")
def client(address):
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def ask(client) -> Callable[..., Any]:
    def create(**fields: Any) -> Any:
        usual = {"model": "nano", "messages": SUM, "seed": 1, "max_tokens": 300}
        return client.chat.completions.create(**usual | fields)

    return create


@pytest.fixture(scope="module")
def stream(ask) -> Callable[..., Any]:
    """A stream's chunks as they were sent, and its choices put together."""

    def create(**fields: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        with ask(stream=True, **fields) as chunks:
            sent = [chunk.to_dict() for chunk in chunks]
        has_usage = (fields.get("stream_options") or {}).get("include_usage", False)
        return sent, check_chunks(sent, has_usage=has_usage)

    return create


def test_an_answer_with_its_reasoning_and_usage(ask) -> None:
    answer = ask(temperature=0)
    ChatCompletion.model_validate(answer.to_dict(), strict=True)
    [choice] = answer.choices
    assert "85" in choice.message.content
    assert choice.finish_reason == "stop"
    assert choice.message.reasoning == choice.message.reasoning_content != ""
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert choice.ossia["repairs"] == []
    again = ask(temperature=0)
    assert again.usage.prompt_tokens_details.cached_tokens > 0
    assert again.choices[0].message.content == choice.message.content


def test_a_stream_says_the_same(ask, stream) -> None:
    whole = ask()
    sent, [message] = stream(stream_options={"include_usage": True})
    assert message["content"] == whole.choices[0].message.content
    assert message["reasoning"] == whole.choices[0].message.reasoning
    assert sent[-1]["usage"]["completion_tokens"] == whole.usage.completion_tokens
    assert len(sent) > 5


def test_the_asynchronous_client(address) -> None:
    async def talk() -> None:
        url = f"{address}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            asked = {"model": "nano", "messages": SUM, "seed": 1}
            answers = await asyncio.gather(
                *[client.chat.completions.create(**asked) for _ in range(4)]
            )
            contents = {answer.choices[0].message.content for answer in answers}
            assert len(contents) == 1
            chunks = await client.chat.completions.create(**asked, stream=True)
            sent = [chunk.to_dict() async for chunk in chunks]
            assert check_chunks(sent)[0]["content"] in contents

    asyncio.run(talk())


@pytest.mark.parametrize("choice", ["required", NAMED])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_whole_loop_of_tools(ask, stream, choice, is_streamed) -> None:
    asked = {"tools": [ADD], "tool_choice": choice}
    if is_streamed:
        _, [message] = stream(**asked)
        assert message["finish_reason"] == "tool_calls"
        [call] = [
            {
                "id": c["id"],
                "type": "function",
                "function": {k: c[k] for k in ("name", "arguments")},
            }
            for c in message["tool_calls"]
        ]
    else:
        answer = ask(**asked)
        assert answer.choices[0].finish_reason == "tool_calls"
        assert answer.choices[0].message.content is None
        [call] = [call.to_dict() for call in answer.choices[0].message.tool_calls]
    assert call["function"]["name"] == "add"
    numbers = json.loads(call["function"]["arguments"])
    assert set(numbers) == {"a", "b"}
    messages = [
        *SUM,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": str(numbers["a"] + numbers["b"])},
    ]
    answer = ask(messages=messages, tools=[ADD], tool_choice="none")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content


def test_reasoning_is_kept_between_calls_without_being_sent_back(ask) -> None:
    first = ask(tools=[ADD], tool_choice="required")
    said = first.choices[0].message
    assert said.reasoning
    call = said.tool_calls[0].to_dict()
    result = {"role": "tool", "tool_call_id": call["id"], "content": "85"}
    silent = {"role": "assistant", "content": None, "tool_calls": [call]}

    def prompt(message: dict[str, Any]) -> int:
        asked = {"messages": [*SUM, message, result], "tools": [ADD], "max_tokens": 1}
        return int(ask(**asked).usage.prompt_tokens)

    assert prompt(silent) == prompt(silent | {"reasoning": said.reasoning})
    assert prompt(silent) == prompt(silent | {"reasoning_content": said.reasoning})
    stranger = silent | {"tool_calls": [call | {"id": "call_unknown"}]}
    forgotten = {"messages": [*SUM, stranger, result | {"tool_call_id": "call_unknown"}]}
    fewer = ask(**forgotten, tools=[ADD], max_tokens=1).usage.prompt_tokens
    assert fewer < prompt(silent)


def test_parsing_into_pydantic(client) -> None:
    class Sum(BaseModel):
        a: int
        operation: Literal["plus", "minus"]
        is_sure: bool

    parsed = client.chat.completions.parse(
        model="nano", messages=SUM, response_format=Sum, seed=2, max_tokens=600
    )
    found = parsed.choices[0].message.parsed
    assert isinstance(found, Sum)
    assert json.loads(parsed.choices[0].message.content) == found.model_dump()


def test_parsing_the_arguments_of_tools(client) -> None:
    class Add(BaseModel):
        a: int
        b: int

    parsed = client.chat.completions.parse(
        model="nano",
        messages=SUM,
        tools=[openai.pydantic_function_tool(Add)],
        tool_choice="required",
        seed=3,
        max_tokens=600,
    )
    [call] = parsed.choices[0].message.tool_calls
    assert isinstance(call.function.parsed_arguments, Add)


def test_the_packages_own_stream_helper(client) -> None:
    with client.chat.completions.stream(model="nano", messages=SUM, seed=1) as events:
        kinds = {event.type for event in events if not isinstance(event, ChunkEvent)}
        final = events.get_final_completion()
    assert {"content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content


def test_json_object(ask) -> None:
    answer = ask(response_format={"type": "json_object"}, max_tokens=500, temperature=0.2)
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_log_probabilities(ask, stream) -> None:
    asked = {"logprobs": True, "top_logprobs": 3, "temperature": 0}
    answer = ask(**asked)
    ChatCompletion.model_validate(answer.to_dict(), strict=True)
    tokens = answer.choices[0].logprobs.content
    assert bytes(b for t in tokens for b in t.bytes).decode() == answer.choices[0].message.content
    for token in tokens:
        assert len(token.top_logprobs) == 3
        assert token.top_logprobs[0].token == token.token
        assert math.exp(token.logprob) <= 1
    _, [message] = stream(**asked)
    assert message["tokens"] == [token.to_dict() for token in tokens]
    assert ask(logprobs=True).choices[0].logprobs.content[0].top_logprobs == []
    assert ask().choices[0].logprobs is None


def test_several_answers_are_what_their_seeds_give(ask, stream) -> None:
    answer = ask(n=3, seed=10)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    alone = [ask(seed=10 + number) for number in range(3)]
    said = [choice.message.content for choice in answer.choices]
    assert said == [one.choices[0].message.content for one in alone]
    assert answer.usage.completion_tokens == sum(one.usage.completion_tokens for one in alone)
    assert answer.usage.prompt_tokens == alone[0].usage.prompt_tokens
    _, messages = stream(n=3, seed=10)
    assert [message["content"] for message in messages] == said


def test_the_same_seed_gives_the_same_and_is_told(ask) -> None:
    first = ask(seed=None, temperature=1.5)
    seed = first.choices[0].ossia["seed"]
    again = ask(seed=seed, temperature=1.5)
    assert again.choices[0].message.content == first.choices[0].message.content
    assert again.choices[0].message.reasoning == first.choices[0].message.reasoning


def test_stop_strings_and_lengths(ask, stream) -> None:
    whole = ask(temperature=0).choices[0].message.content
    cut = ask(temperature=0, stop="5").choices[0]
    assert (cut.message.content, cut.finish_reason) == (whole[: whole.index("5")], "stop")
    assert cut.ossia["reason"] == "stop_string"
    _, [message] = stream(temperature=0, stop=["5"])
    assert message["content"] == cut.message.content
    short = ask(max_completion_tokens=3).choices[0]
    assert short.finish_reason == "length"


def test_no_reasoning_where_none_is_wanted(ask) -> None:
    answer = ask(reasoning_effort="none")
    assert answer.usage.completion_tokens_details.reasoning_tokens == 0
    assert not hasattr(answer.choices[0].message, "reasoning")


def test_unknown_tools_are_told_in_a_warning(ask, stream) -> None:
    tools = [{"type": "web_search"}, {"type": "custom", "custom": {"name": "x"}}]
    assert len(ask(tools=tools).ossia["warnings"]) == 2
    sent, _ = stream(tools=tools)
    assert len(sent[0]["ossia"]["warnings"]) == 2


@pytest.mark.parametrize("is_streamed", [False, True])
def test_errors_are_the_packages_exceptions(ask, client, is_streamed) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        ask(model="gpt-17", stream=is_streamed)
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as caught:
        ask(messages=LONG, stream=is_streamed)
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.param == "messages"
    assert "400073 tokens long" in caught.value.message
    assert str(client.models.retrieve("nano").context_length) in caught.value.message
    with pytest.raises(openai.BadRequestError) as caught:
        ask(temperature=3, stream=is_streamed)
    assert (caught.value.param, caught.value.type) == ("temperature", "invalid_request_error")
    schema = {"name": "x", "schema": {"type": "object", "minProperties": 3}}
    form = {"type": "json_schema", "json_schema": schema}
    with pytest.raises(openai.BadRequestError, match="minProperties"):
        ask(response_format=form, stream=is_streamed)


def test_who_goes_away_leaves_nothing_behind(address) -> None:
    """Answers that would go on for a minute, as nothing may end them, and nobody waits."""
    tokenizer = load_tokenizer(json=open_checkpoint(hub.resolve("nano")).tokenizer.json)
    ends = {str(tokenizer.special(name)): -100 for name in tokenizer.specials}
    body = {"model": "nano", "messages": SUM, "logit_bias": ends, "n": 4}
    for is_streamed in [True, False] * 4:
        with (
            suppress(httpx.TimeoutException),
            httpx.Client(base_url=address, timeout=0.3) as client,
            client.stream("POST", PATH, json=body | {"stream": is_streamed}) as response,
        ):
            next(response.iter_lines())
    for _ in range(100):
        [model] = httpx.get(f"{address}/ossia/loaded").json()["models"]
        if model["num_requests"] == 0:
            return
        time.sleep(0.05)
    pytest.fail("somebody still generates")
