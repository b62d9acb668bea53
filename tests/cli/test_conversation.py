"""Conversations as JSON: OpenAI's chat and harmony's own messages, and what is refused."""

import json
from pathlib import Path
from typing import Any

import openai_harmony as oh
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.harmony.oracle import conversations, oracle_messages

from ossia.base.errors import ConversationError
from ossia.cli.conversation import read_conversation
from ossia.harmony import (
    Assistant,
    Channel,
    Developer,
    Effort,
    ResponseFormat,
    System,
    Tool,
    ToolResult,
    User,
    render,
)
from ossia.harmony.built_in import BROWSER, PYTHON
from ossia.tokenizer import Tokenizer, load_tokenizer

TODAY = "2026-11-24"
USER = {"role": "user", "content": "hi"}
SYSTEM = System(current_date=TODAY)


@pytest.fixture(scope="module")
def speaker(vocabulary: Path) -> Tokenizer:
    return load_tokenizer(json=vocabulary)


def read(document: Any) -> list[Any]:
    return read_conversation(document, TODAY)


def test_a_request_becomes_the_prompt_of_a_model() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    call = {"id": "c1", "type": "function"}
    call["function"] = {"name": "python", "arguments": '{"city": "Seoul"}'}
    request = {
        "model": "gpt-oss-20b",
        "temperature": 1,
        "reasoning_effort": "high",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "And kind."}]},
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            },
            {
                "role": "assistant",
                "content": "Wait.",
                "reasoning_content": "Hm.",
                "tool_calls": [call],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
            {"role": "assistant", "content": "Sun.", "refusal": None},
        ],
        "tools": [{"type": "function", "function": {"name": "python", "parameters": schema}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": schema}},
    }
    assert read(request) == [
        System(Effort.HIGH, TODAY),
        Developer("Be brief.", (Tool("python_tool", "", schema),), ResponseFormat("w", schema)),
        Developer("And kind."),
        User("ab"),
        Assistant("Hm.", Channel.ANALYSIS),
        Assistant("Wait.", Channel.COMMENTARY),
        Assistant('{"city": "Seoul"}', Channel.COMMENTARY, "functions.python_tool", "json"),
        ToolResult("functions.python_tool", "sunny"),
        Assistant("Sun."),
    ]


def test_tools_without_instructions_have_a_developer_message() -> None:
    tools = [{"type": "function", "function": {"name": "f", "description": "Does it."}}]
    assert read({"messages": [USER], "tools": tools}) == [
        SYSTEM,
        Developer(None, (Tool("f", "Does it."),)),
        User("hi"),
    ]


@pytest.mark.parametrize(
    ("form", "seen"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, ResponseFormat("object", {"type": "object"})),
    ],
)
def test_response_formats(form: Any, seen: ResponseFormat | None) -> None:
    messages = read({"messages": [USER], "response_format": form})
    assert messages == [SYSTEM, *([Developer(response_format=seen)] if seen else []), User("hi")]


@pytest.mark.parametrize("content", ["", None, []])
def test_an_empty_answer_is_one(content: Any) -> None:
    assert read([USER, {"role": "assistant", "content": content}])[-1] == Assistant("")


def test_messages_of_harmony_stand_for_themselves() -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        USER,
        {"role": "assistant", "channel": "analysis", "content": "Hm."},
        {"role": "assistant", "recipient": "functions.f", "content_type": "json", "content": "{}"},
        {"role": "tool", "name": "functions.f", "content": "7"},
        {"role": "assistant", "channel": None, "recipient": None, "content": "42"},
    ]
    assert read(messages) == [
        Developer("Be brief."),
        User("hi"),
        Assistant("Hm.", Channel.ANALYSIS),
        Assistant("{}", Channel.COMMENTARY, "functions.f", "json"),
        ToolResult("functions.f", "7"),
        Assistant("42"),
    ]


@given(conversations)
@settings(max_examples=100)
def test_what_openai_harmony_writes_is_read(messages) -> None:
    if any(isinstance(m, Developer) and m.response_format for m in messages):
        return  # openai-harmony has no word for it
    head = System("low", tools=(PYTHON, BROWSER))  # type: ignore[arg-type]
    whole = [head, *(m for m in messages if not isinstance(m, System))]
    shown = oh.Conversation.from_messages(oracle_messages(whole, None))
    assert read(json.loads(shown.to_json())) == whole


IMAGE = {"type": "image_url", "image_url": {"url": "data:"}}
SYSTEM_PART = {"type": "system_content"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "no conversation: expected a list of messages"),
        (7, "no conversation"),
        ({"messages": {}}, "messages: expected a list, found an object"),
        (["hi"], r"messages\[0\]: expected an object, found text"),
        ([{"role": "robot", "content": ""}], r"messages\[0\].role: 'robot'; expected system"),
        ([{"content": ""}], r"messages\[0\].role: None; expected"),
        (
            [{"role": "user", "content": 7}],
            "expected text or a list of its parts, found 7",
        ),
        ([{"role": "user", "content": [IMAGE]}], r"content\[0\].type: 'image_url' cannot be shown"),
        ([{"role": "user", "content": [{"type": "text"}]}], "text: expected text, found nothing"),
        (
            [{"role": "tool", "tool_call_id": "x", "content": ""}],
            "no call before it has the id",
        ),
        (
            [{"role": "assistant", "tool_calls": [{}]}],
            "expected an object, found nothing",
        ),
        (
            [{"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}],
            r"messages\[0\].function_call: expected tool_calls",
        ),
        ({"messages": [USER], "tools": [{"type": "web_search"}]}, "is no kind of tool"),
        ({"messages": [USER], "tools": "f"}, "tools: expected a list, found text"),
        (
            {"messages": [USER], "reasoning_effort": "huge"},
            "'huge'; expected low, medium",
        ),
        ({"messages": [USER], "response_format": {"type": "xml"}}, "expected text, json_object or"),
        ({"messages": [USER], "response_format": {"type": "json_schema"}}, "json_schema: expected"),
        ([{"role": "assistant", "channel": "x", "content": ""}], "channel: 'x'; expected analysis"),
        ([{"role": "assistant", "recipient": "a b", "content": ""}], "'a b' cannot be the name"),
        (
            [{"role": "system", "channel": None, "content": "x"}],
            "one object of type system",
        ),
        ([{"role": "tool", "channel": "analysis", "content": ""}], "name: expected text"),
        (
            [{"role": "system", "content": [SYSTEM_PART | {"tools": {"bash": {}}}]}],
            "not trained with a tool 'bash'; expected browser or python",
        ),
        (
            [{"role": "system", "content": [SYSTEM_PART | {"reasoning_effort": "x"}]}],
            "reasoning_effort: 'x'; expected low, medium or high",
        ),
        (
            [{"role": "developer", "content": [{"type": "developer_content", "tools": {"x": {}}}]}],
            "'x'; expected functions alone",
        ),
    ],
)
def test_what_is_no_conversation_is_refused(document: Any, said: str) -> None:
    with pytest.raises(ConversationError, match=said):
        read(document)


KEYS = (
    *("messages", "role", "content", "channel", "recipient", "content_type", "name", "type"),
    *("tools", "function", "parameters", "description", "tool_calls", "tool_call_id", "arguments"),
    *("id", "reasoning", "response_format", "json_schema", "schema", "reasoning_effort", "text"),
    *("instructions", "functions", "browser", "model_identity", "knowledge_cutoff"),
)
WORDS = (
    *("system", "developer", "user", "assistant", "tool", "analysis", "final", "low", "", "\ud800"),
    *("function", "system_content", "developer_content", "text", "json_schema", "functions.f"),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(WORDS),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(KEYS), values, max_size=6)
    ),
    max_leaves=30,
)
said = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool"])},
    optional=dict.fromkeys(KEYS[2:], anything),
)


@given(st.one_of(anything, st.lists(said, max_size=3)), anything, anything)
@settings(max_examples=300)
def test_no_json_at_all_breaks_it(speaker, messages: Any, tools: Any, form: Any) -> None:
    request = {"messages": messages, "tools": tools, "response_format": form}
    for document in (messages, request):
        try:
            seen = read(document)
        except ConversationError:
            continue
        assert render(seen, speaker)
