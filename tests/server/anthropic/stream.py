"""What always holds of a message's stream, whatever is in it."""

from collections.abc import Iterable, Sequence
from typing import Any

from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

_EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)

_DELTAS = {
    "text": ("text_delta",),
    "thinking": ("thinking_delta", "signature_delta"),
    "tool_use": ("input_json_delta",),
}


def check_stream(events: Iterable[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Checks the events of a whole stream and gives them back without its pings."""
    events = [event for event in events if event != {"type": "ping"}]
    for event in events:
        _EVENTS.validate_python(event)
    assert [event["type"] for event in events[:1]] == ["message_start"]
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    _check_start(events[0]["message"])
    _check_blocks(events[1:-2])
    _check_end(events[0]["message"], events[-2])
    return events


def check_message(message: dict[str, Any]) -> None:
    """Checks a whole message."""
    Message.model_validate(message)
    assert message["content"] or message["stop_reason"] != "tool_use"
    assert (message["stop_sequence"] is not None) == (message["stop_reason"] == "stop_sequence")
    if message["stop_reason"] == "tool_use":
        assert message["content"][-1]["type"] == "tool_use"
    assert len({b["id"] for b in message["content"] if "id" in b}) == sum(
        "id" in block for block in message["content"]
    )


def _check_start(message: dict[str, Any]) -> None:
    Message.model_validate(message)
    assert message["content"] == []
    assert message["stop_reason"] is message["stop_sequence"] is None
    assert message["usage"]["output_tokens"] == 0


def _check_blocks(events: Sequence[dict[str, Any]]) -> None:
    index, kind, ids = -1, None, set()
    for event in events:
        if event["type"] == "content_block_start":
            assert kind is None, "a block begins within another"
            index, block = index + 1, event["content_block"]
            kind, deltas = block["type"], 0
            if kind == "tool_use":
                assert block["input"] == {}
                assert block["id"] not in ids
                ids.add(block["id"])
            else:
                assert block[kind] == ""
        elif event["type"] == "content_block_delta":
            assert kind is not None, "a delta outside of a block"
            assert event["delta"]["type"] in _DELTAS[kind]
            assert "" not in event["delta"].values(), "a delta that adds nothing"
            deltas += 1
            last = event["delta"]["type"]
        else:
            assert event["type"] == "content_block_stop"
            assert kind is not None, "an end without a beginning"
            assert deltas or kind == "tool_use", "an empty block"
            assert kind != "thinking" or last == "signature_delta"
            kind = None
        assert event["index"] == index
    assert kind is None, "a block that does not end"


def _check_end(start: dict[str, Any], end: dict[str, Any]) -> None:
    before, after = start["usage"], end["usage"]
    inputs = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    assert sum(before[key] for key in inputs) == sum(after[key] for key in inputs)
    assert after["output_tokens"] >= after["output_tokens_details"]["thinking_tokens"]
    assert end["delta"]["stop_reason"] is not None
