"""nano's answers as streams and messages of Anthropic's."""

from collections.abc import Iterator
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from tests.server.anthropic.stream import check_message, check_stream

from ossia.agent import Transcript
from ossia.chat import ChatModel, Done, Event, Prefill, Reasoning, Settings, Text, ToolCall
from ossia.server.anthropic import schema
from ossia.server.anthropic.events import MessageEvents, whole
from ossia.server.anthropic.signature import carried_thinking
from ossia.server.anthropic.translate import translate
from ossia.server.recall import Recall

TOOL = {
    "name": "add up",  # which harmony has no way to write
    "strict": True,
    "input_schema": {
        "type": "object",
        "properties": {"a": {"enum": [27]}, "b": {"enum": [58]}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
}
SHOWN = {"thinking": {"type": "adaptive"}}


@pytest.fixture(scope="module")
def nano() -> Iterator[ChatModel]:
    with ChatModel.load("nano") as model:
        yield model


def answer(model: ChatModel, **fields: Any) -> tuple[MessageEvents, list[dict[str, Any]]]:
    request = schema.MessageRequest.model_validate(
        {
            "model": "nano",
            "max_tokens": 400,
            "temperature": 0,
            "messages": [{"role": "user", "content": "What is 27 + 58?"}],
            **fields,
        }
    )
    translation = translate(request, "2026-01-01", Transcript(), Recall())
    asked = translation.asked
    events = list(model.respond(asked.messages, asked.settings, asked.demands))
    done = events[-1]
    assert isinstance(done, Done)
    writer = MessageEvents("nano", translation, done.usage.prompt_tokens)
    stream = [writer.start(), *(wire for event in events for wire in writer.take(event))]
    return writer, list(check_stream(stream))


def summed(stream: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole message, which has to be what the official package makes of the stream."""
    message = whole(stream)
    check_message(message)
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in stream:
        snapshot = accumulate_event(
            event=event,  # type: ignore[arg-type]
            current_snapshot=snapshot,
            json_bufs=buffers,
        )
    theirs = snapshot.to_dict()
    for block, other in zip(message["content"], theirs["content"], strict=True):
        assert block.items() <= other.items()
    for key in ("id", "model", "role", "stop_reason"):
        assert message[key] == theirs[key]
    return message


def test_thinking_that_was_not_asked_for_is_not_shown(nano: ChatModel) -> None:
    writer, stream = answer(nano)
    message = summed(stream)
    assert message["content"] == [{"type": "text", "text": "27 + 58 = 85"}]
    assert message["stop_reason"] == "end_turn"
    assert "8+7" in writer.reasoning or "7+8" in writer.reasoning


def test_thinking_and_its_signature(nano: ChatModel) -> None:
    thinking, text = summed(answer(nano, **SHOWN)[1])["content"]
    assert "answer 85" in thinking["thinking"]
    assert thinking["signature"]
    assert text["text"] == "27 + 58 = 85"


def test_thinking_that_is_omitted_is_in_its_signature(nano: ChatModel) -> None:
    writer, stream = answer(nano, thinking={"type": "adaptive", "display": "omitted"})
    thinking, _ = summed(stream)["content"]
    assert thinking["thinking"] == ""
    assert carried_thinking(thinking["signature"]) == writer.reasoning


def test_no_thinking_at_all(nano: ChatModel) -> None:
    message = summed(answer(nano, thinking={"type": "disabled"})[1])
    assert message["usage"]["output_tokens_details"]["thinking_tokens"] == 0
    assert [block["type"] for block in message["content"]] == ["text"]


def test_a_call(nano: ChatModel) -> None:
    writer, stream = answer(nano, tools=[TOOL], tool_choice={"type": "any"}, **SHOWN)
    message = summed(stream)
    call = message["content"][-1]
    assert call["name"] == "add up"
    assert call["input"] == {"a": 27, "b": 58}
    assert writer.calls == [call["id"]]
    assert message["stop_reason"] == "tool_use"


def test_a_call_that_is_cut_off_is_left_out_of_a_message(nano: ChatModel) -> None:
    thinking = {"type": "disabled"}
    fields = {"tools": [TOOL], "tool_choice": {"type": "any"}, "thinking": thinking}
    whole_call = answer(nano, **fields)[1][-2]["usage"]["output_tokens"]
    _, stream = answer(nano, **fields, max_tokens=whole_call - 3)
    message = whole(stream)
    check_message(message)
    assert message["content"] == []
    assert message["stop_reason"] == "max_tokens"


def test_a_stop_sequence(nano: ChatModel) -> None:
    message = summed(answer(nano, stop_sequences=[" = "])[1])
    assert message["content"] == [{"type": "text", "text": "27 + 58"}]
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", " = ")


def test_usage_adds_up(nano: ChatModel) -> None:
    first, second = (summed(answer(nano)[1])["usage"] for _ in range(2))
    assert second["cache_read_input_tokens"] > 0
    for key in ("input_tokens", "cache_read_input_tokens"):
        assert isinstance(first[key], int)
    assert sum(map(first.get, ("input_tokens", "cache_read_input_tokens"))) == sum(
        map(second.get, ("input_tokens", "cache_read_input_tokens"))
    )


def made(*events: Event, **fields: Any) -> list[dict[str, Any]]:
    """What events become that nano gives rarely, without what comes first."""
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}
    request = schema.MessageRequest.model_validate({**body, **fields})
    writer = MessageEvents("m", translate(request, None, Transcript(), Recall()), 1)
    return [wire for event in events for wire in writer.take(event)]


def test_a_long_prompt_pings() -> None:
    assert made(Prefill(1, 2)) == [{"type": "ping"}]


def test_reasoning_that_is_not_shown_pings_now_and_then() -> None:
    assert made(*[Reasoning("a")] * 200) == [{"type": "ping"}] * 3


def test_blocks_follow_the_order_of_what_was_said() -> None:
    call = ToolCall("functions.f", "")
    said = [Reasoning("a"), Text("b"), Reasoning("c"), call, ToolCall("functions.f", "{}")]
    starts = [w["content_block"]["type"] for w in made(*said, **SHOWN) if "content_block" in w]
    assert starts == ["thinking", "text", "thinking", "tool_use"]


def test_two_calls_of_one_tool_are_two_blocks() -> None:
    call = (ToolCall("functions.f", ""), ToolCall("functions.f", "{}"))
    starts = [wire for wire in made(*call, *call) if wire["type"] == "content_block_start"]
    assert [start["index"] for start in starts] == [0, 1]


def test_a_cut_by_the_context_is_told_from_one_by_max_tokens(nano: ChatModel) -> None:
    assert summed(answer(nano, max_tokens=5)[1])["stop_reason"] == "max_tokens"
    settings = Settings(max_tokens=5)
    done = list(nano.respond(translate_hi(), settings))[-1]
    wires = made(done, max_tokens=1000)
    assert wires[0]["delta"]["stop_reason"] == "model_context_window_exceeded"


def translate_hi() -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    return translate(
        schema.CountRequest.model_validate(body), None, Transcript(), Recall()
    ).asked.messages
