"""Events as JSON: plain types, nothing lost."""

import json
from typing import Any

import pytest

from ossia.base.errors import OssiaError
from ossia.chat import (
    Citation,
    Done,
    Event,
    Failed,
    Prefill,
    Reason,
    Reasoning,
    Text,
    Timings,
    ToolCall,
    Usage,
)
from ossia.harmony import Channel, ParsedMessage
from ossia.harmony.repair import Repair

DONE = Done(
    reason=Reason.STOP_STRING,
    usage=Usage(20, 9, 3),
    timings=Timings(0.5, 1.25),
    repairs=(Repair.MISSING_END, "missing_end"),
    messages=(
        ParsedMessage(Channel.ANALYSIS, None, None, "흠"),
        ParsedMessage(Channel.COMMENTARY, "functions.f", "json", "{}"),
    ),
    seed=2**64 - 1,
    num_loops=1,
    stop_string="\n",
)
EVENTS: list[tuple[Event, dict[str, Any]]] = [
    (Prefill(512, 2000), {"type": "prefill", "num_done": 512, "num_tokens": 2000}),
    (Reasoning("흠"), {"type": "reasoning", "text": "흠"}),
    (Text("42"), {"type": "text", "text": "42"}),
    (
        Citation("【3†L12】", 3, 12, 12),
        {"type": "citation", "text": "【3†L12】", "cursor": 3, "first_line": 12, "last_line": 12},
    ),
    (ToolCall("python", "2 + 2"), {"type": "tool_call", "recipient": "python", "text": "2 + 2"}),
    (Failed(OssiaError("too long")), {"type": "failed", "message": "too long"}),
    (
        DONE,
        {
            "type": "done",
            "reason": "stop_string",
            "usage": {
                "prompt_tokens": 20,
                "completion_tokens": 9,
                "reasoning_tokens": 3,
                "cached_tokens": 0,
            },
            "timings": {"prefill_seconds": 0.5, "decode_seconds": 1.25},
            "repairs": ["missing_end", "missing_end"],
            "messages": [
                {"channel": "analysis", "recipient": None, "content_type": None, "text": "흠"},
                {
                    "channel": "commentary",
                    "recipient": "functions.f",
                    "content_type": "json",
                    "text": "{}",
                },
            ],
            "seed": 2**64 - 1,
            "num_loops": 1,
            "stop_string": "\n",
        },
    ),
]


@pytest.mark.parametrize(("event", "expected"), EVENTS, ids=lambda value: type(value).__name__)
def test_an_event_is_plain_json(event: Event, expected: dict[str, Any]) -> None:
    made = event.to_json()
    assert made == expected
    assert json.loads(json.dumps(made)) == expected
    assert_plain(made)


def assert_plain(value: Any) -> None:
    """Types that any JSON library writes, and no subclass of them."""
    assert type(value) in (dict, list, str, int, float, bool, type(None)), type(value)
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            assert_plain(inner)


def test_every_event_has_its_own_type_word() -> None:
    words = [event.to_json()["type"] for event, _ in EVENTS]
    assert len(set(words)) == len(words) == len(Event.__args__)
