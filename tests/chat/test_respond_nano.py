"""Demands on nano, a trained model: the whole stack from conversation to events."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ossia.base.errors import InputError
from ossia.chat import (
    ChatModel,
    Demands,
    Done,
    Event,
    Failed,
    NamedTool,
    Reason,
    Reasoning,
    Settings,
    Text,
    ToolCall,
    ToolChoice,
)
from ossia.harmony import Channel, Developer, Message, ResponseFormat, System, Tool, User

SUM = User("What is 27 + 58?")
NUMBERS = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 99}, "b": {"enum": [58]}},
    "required": ["a", "b"],
    "additionalProperties": False,
}
TOOLS = Developer(tools=(Tool("add", "Adds.", NUMBERS), Tool("sub", "Subtracts.", NUMBERS)))
STRICT = frozenset({"functions.add", "functions.sub"})


@pytest.fixture(scope="module")
def nano() -> ChatModel:
    return ChatModel.load("nano", context=1024)


def ask(
    model: ChatModel, demands: Demands, *messages: Message, seed: int = 0
) -> tuple[list[Event], Done]:
    asked = (System(), *messages, SUM)
    *events, done = model.respond(asked, Settings(seed=seed, max_tokens=600), demands)
    assert isinstance(done, Done)
    assert done.repairs == ()
    return events, done


def said(events: list[Event], kind: type) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


@pytest.mark.parametrize("seed", range(5))
def test_a_structured_answer_parses_and_validates(nano, seed) -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "result": {"type": "integer"},
            "words": {"type": "array", "items": {"type": "string", "maxLength": 9}, "maxItems": 3},
        },
        "required": ["result", "words"],
        "additionalProperties": False,
    }
    form = Developer(response_format=ResponseFormat("sum", schema))
    events, done = ask(nano, Demands(), form, seed=seed)
    Draft202012Validator(schema).validate(json.loads(said(events, Text)))
    assert done.reason is Reason.STOP
    assert said(events, Reasoning)  # it was free to reason in words


@pytest.mark.parametrize("seed", range(5))
def test_a_required_call_is_made_and_fits_its_schema(nano, seed) -> None:
    demands = Demands(ToolChoice.REQUIRED, strict_tools=STRICT)
    events, done = ask(nano, demands, TOOLS, seed=seed)
    assert done.reason is Reason.TOOL_CALL
    last = done.messages[-1]
    assert (last.recipient in STRICT, last.channel) == (True, Channel.COMMENTARY)
    Draft202012Validator(NUMBERS).validate(json.loads(said(events, ToolCall)))
    first = next(event for event in events if isinstance(event, ToolCall))
    assert first.text == ""


def test_a_named_tool_is_the_one(nano) -> None:
    demands = Demands(NamedTool("functions.sub"), STRICT)
    assert ask(nano, demands, TOOLS)[1].messages[-1].recipient == "functions.sub"


@pytest.mark.parametrize("seed", range(3))
def test_without_a_choice_there_is_no_call(nano, seed) -> None:
    events, done = ask(nano, Demands(ToolChoice.NONE), TOOLS, seed=seed)
    assert not any(isinstance(event, ToolCall) for event in events)
    assert done.messages[-1].channel is Channel.FINAL


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_reasoning_has_its_limit_and_the_answer_comes(nano, limit) -> None:
    events, done = ask(nano, Demands(reasoning_limit=limit))
    assert done.usage.reasoning_tokens == limit
    assert any(isinstance(event, Reasoning) for event in events) == (limit > 0)
    assert said(events, Text)
    assert done.reason is Reason.STOP


def test_a_stop_string_ends_the_answer_and_not_the_reasoning(nano) -> None:
    whole, _ = ask(nano, Demands())
    assert "=" in said(whole, Reasoning)
    events, done = ask(nano, Demands(stop=(" = ", "never")))
    assert said(events, Reasoning) == said(whole, Reasoning)
    assert said(events, Text) == said(whole, Text).partition(" = ")[0] == "27 + 58"
    assert (done.reason, done.stop_string) == (Reason.STOP_STRING, " = ")
    assert done.messages[-1].text == "27 + 58"
    nano.service.inspect(lambda engine: engine.check_integrity()).result()
    assert nano.service.inspect(lambda engine: engine.num_running).result() == 0


def test_a_schema_that_cannot_be_enforced_fails_before_a_token(nano) -> None:
    form = Developer(response_format=ResponseFormat("x", {"not": {}}))
    events = list(nano.respond((System(), form, SUM)))
    assert len(events) == 1
    assert isinstance(events[0], Failed)
    assert isinstance(events[0].error, InputError)
    assert "keyword 'not'" in events[0].message
