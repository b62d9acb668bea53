"""The official ``anthropic`` package against a server's process."""

import asyncio
from collections.abc import Iterator
from typing import Any, Literal

import anthropic
import httpx
import pytest
from pydantic import BaseModel

SUM: list[Any] = [{"role": "user", "content": "What is 27 + 58?"}]
ADD: Any = {
    "name": "add",
    "description": "Adds.",
    "strict": True,
    "input_schema": {
        "type": "object",
        "properties": {"a": {"enum": [27]}, "b": {"enum": [58]}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
}
COLD: Any = {"max_tokens": 2000, "extra_body": {"temperature": 0}}
THINKING: Any = {"type": "enabled", "budget_tokens": 1024}


@pytest.fixture
def client(address: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=address, api_key="any", max_retries=0) as client:
        yield client


def texts(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_a_message(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model="nano", messages=SUM, **COLD)
    assert [block.type for block in message.content] == ["text"]
    assert texts(message) == "27 + 58 = 85"
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 20


def test_a_stream_says_the_same(client: anthropic.Anthropic) -> None:
    whole = client.messages.create(model="nano", messages=SUM, thinking=THINKING, **COLD)
    with client.messages.stream(model="nano", messages=SUM, thinking=THINKING, **COLD) as stream:
        said = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert said == texts(message) == texts(whole)
    assert message.content[0] == whole.content[0]
    assert message.usage.output_tokens == whole.usage.output_tokens
    assert message.stop_reason == whole.stop_reason


def test_async(address: str) -> None:
    async def ask() -> tuple[list[Any], list[str]]:
        async with anthropic.AsyncAnthropic(base_url=address, api_key="any") as client:
            answers = await asyncio.gather(
                *(client.messages.create(model="nano", messages=SUM, **COLD) for _ in range(4))
            )
            events = await client.messages.create(model="nano", messages=SUM, stream=True, **COLD)
            return list(answers), [event.type async for event in events]

    answers, kinds = asyncio.run(ask())
    assert {texts(answer) for answer in answers} == {"27 + 58 = 85"}
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"


def test_beta_is_the_same_address(client: anthropic.Anthropic) -> None:
    message = client.beta.messages.create(model="nano", messages=SUM, **COLD)
    assert texts(message) == "27 + 58 = 85"


@pytest.mark.parametrize("display", ["summarized", "omitted"])
@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "add"}])
def test_a_tool_loop(client: anthropic.Anthropic, choice: Any, display: str) -> None:
    thinking: Any = {"type": "adaptive", "display": display}
    asked: Any = {"model": "nano", "tools": [ADD], "thinking": thinking, **COLD}
    with client.messages.stream(messages=SUM, tool_choice=choice, **asked) as stream:
        first = stream.get_final_message()
    assert first.stop_reason == "tool_use"
    thought, call = first.content
    assert thought.type == "thinking"
    assert bool(thought.thinking) == (display == "summarized")
    assert call.type == "tool_use"
    assert call.input == {"a": 27, "b": 58}
    result: Any = {"type": "tool_result", "tool_use_id": call.id, "content": "85"}
    messages = [
        *SUM,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    second = client.messages.create(messages=messages, **asked)
    assert texts(second)
    assert second.stop_reason == "end_turn"


def test_reasoning_is_remembered_for_who_does_not_send_it_back(
    client: anthropic.Anthropic,
) -> None:
    first = client.messages.create(
        model="nano", messages=SUM, tools=[ADD], tool_choice={"type": "any"}, **COLD
    )
    (call,) = first.content
    assert call.type == "tool_use"

    def tokens(call_id: str) -> int:
        use = {"type": "tool_use", "id": call_id, "name": "add", "input": call.input}
        result = {"type": "tool_result", "tool_use_id": call_id, "content": "85"}
        messages: Any = [
            *SUM,
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ]
        counted = client.messages.count_tokens(model="nano", messages=messages, tools=[ADD])
        return counted.input_tokens

    num_thought = first.usage.output_tokens_details
    assert num_thought is not None
    assert tokens(call.id) >= tokens("toolu_unknown") + num_thought.thinking_tokens


def test_a_form(client: anthropic.Anthropic) -> None:
    class Sum(BaseModel):
        word: Literal["sum"]
        is_right: Literal[True]

    message = client.messages.parse(model="nano", messages=SUM, output_format=Sum, **COLD)
    assert message.parsed_output == Sum(word="sum", is_right=True)


def test_a_stop_sequence(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model="nano", messages=SUM, stop_sequences=[" ="], **COLD)
    assert texts(message) == "27 + 58"
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", " =")


def test_counted_tokens_are_those_that_are_used(client: anthropic.Anthropic) -> None:
    asked: Any = {"model": "nano", "messages": SUM, "tools": [ADD], "system": "Be brief."}
    counted = client.messages.count_tokens(**asked)
    usage = client.messages.create(**asked, **COLD).usage
    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)


def test_models(client: anthropic.Anthropic) -> None:
    assert {"nano", "gpt-oss:20b"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve("nano").display_name == "nano"


def test_errors_are_the_packages_own(client: anthropic.Anthropic) -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://x.org/x.png"}}
    sent: Any = [{"role": "user", "content": [image]}]
    with pytest.raises(anthropic.BadRequestError, match="image cannot be shown"):
        client.messages.create(model="nano", messages=sent, **COLD)
    for is_stream in (False, True):
        with pytest.raises(anthropic.NotFoundError, match="nope") as caught:
            client.messages.create(model="nope", messages=SUM, stream=is_stream, **COLD)
        body: Any = caught.value.body
        assert body["error"]["type"] == "not_found_error"
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("nope")


def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(
    client: anthropic.Anthropic,
) -> None:
    long: Any = [{"role": "user", "content": "1 2 3 4 5 6 7 8 9 " * 8000}]
    for is_stream in (False, True):
        with pytest.raises(anthropic.BadRequestError, match=r"\d+ tokens long .* 131072"):
            client.messages.create(model="nano", messages=long, stream=is_stream, **COLD)


def test_streams_that_are_dropped_leave_nothing_behind(
    client: anthropic.Anthropic, address: str
) -> None:
    for _ in range(10):
        stream = client.messages.create(model="nano", messages=SUM, stream=True, **COLD)
        next(iter(stream))
        stream.close()
    for _ in range(100):
        (loaded,) = httpx.get(f"{address}/ossia/loaded").json()["models"]
        if loaded["num_requests"] == 0:
            return
        asyncio.run(asyncio.sleep(0.05))
    pytest.fail(f"{loaded['num_requests']} requests are still served")
