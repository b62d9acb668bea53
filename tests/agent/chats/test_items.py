"""A conversation as items and back: nothing that a model reads is lost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseOutputItem
from pydantic import TypeAdapter

from ossia.agent.chats import items_of, messages_of, title_of, told_of, words_of
from ossia.harmony import Assistant, Channel, ToolResult, User

texts = st.text(max_size=30)
CHANNELS = st.sampled_from([Channel.FINAL, Channel.COMMENTARY, Channel.ANALYSIS])


def call(recipient: str, text: str) -> Assistant:
    if recipient.startswith("functions."):
        return Assistant(text, Channel.COMMENTARY, recipient, "json")
    return Assistant(text, Channel.ANALYSIS, recipient, "code")


def exchange(recipient: str, said: str, told: str) -> list[Any]:
    made = call(recipient, said)
    return [made, ToolResult(recipient, told, made.channel)]


NAMES = st.sampled_from(["python", "browser.search", "browser.open", "functions.add"])
parts = st.one_of(
    st.builds(lambda text: [User(text)], texts),
    st.builds(lambda text, channel: [Assistant(text, channel)], texts, CHANNELS),
    st.builds(exchange, NAMES, texts, texts),
)


@given(st.lists(parts, max_size=8))
def test_what_was_said_comes_back(parts: list[list[Any]]) -> None:
    said = [message for part in parts for message in part]
    items = items_of(said)
    assert messages_of(items) == said
    assert len({item["id"] for item in items}) == len(items)
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseOutputItem)
    for item in items:
        if not (item["type"] == "message" and item["role"] == "user"):
            adapter.validate_python(item)


def test_two_calls_have_their_own_results() -> None:
    said = [
        call("python", "1"),
        call("python", "2"),
        ToolResult("python", "one", Channel.ANALYSIS),
        ToolResult("python", "two", Channel.ANALYSIS),
    ]
    first, second = items_of(said)
    assert (first["ossia"]["result"], second["ossia"]["result"]) == ("one", "two")


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"type": "image_generation_call"},
        {"type": "web_search_call", "id": "ws_1"},
        {"type": "code_interpreter_call", "code": None},
        {"type": "function_call_output", "call_id": "c", "output": "5"},
        {"type": "reasoning", "content": None},
    ],
)
def test_what_says_nothing_is_left(item: dict[str, Any]) -> None:
    assert messages_of([item]) == []
    assert told_of(item) is None


def test_code_of_other_clients_is_read_by_its_own_fields() -> None:
    item = {
        "type": "code_interpreter_call",
        "code": "6*7",
        "outputs": [{"type": "logs", "logs": "42"}, {"type": "image", "url": "data:"}],
    }
    said, told = told_of(item) or (None, None)
    assert (said and said.text, told and told.text) == ("6*7", "42")


def test_words_and_titles() -> None:
    items = items_of([User("a\ud800 " + "b" * 100), Assistant("hidden", Channel.ANALYSIS)])
    assert words_of(items).startswith("a? b")
    assert title_of(items) == "a? " + "b" * 56 + "…"
