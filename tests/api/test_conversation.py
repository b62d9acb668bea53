"""Conversations as scripts have them. Dicts are compared with the command line's reader, and made
by OpenAI's own client, so that what people paste is what is understood.
"""

import pytest
from openai.types.chat import ChatCompletionMessage

import ossia
from ossia.api.conversation import read_conversation, tool_of
from ossia.base.errors import InputError
from ossia.cli.conversation import read_conversation as read_on_the_command_line
from ossia.harmony import Channel, ParsedMessage

CALL = {"id": "a1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}


@pytest.mark.parametrize(
    "said",
    [
        [{"role": "user", "content": "a"}],
        [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
        [{"role": "developer", "content": "a"}, {"role": "user", "content": "b"}],
        [
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            }
        ],
        [{"role": "user", "content": ""}, {"role": "assistant", "content": "b"}],
        [{"role": "user", "content": "a", "name": None}],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "first", "reasoning": "hm", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "a1", "content": "seen"},
        ],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "reasoning_content": "hm", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "a1", "name": "other", "content": "seen"},
            {"role": "tool", "name": "look", "content": "again"},
        ],
        [{"role": "assistant", "content": None}],
    ],
)
def test_dicts_mean_what_they_mean_on_the_command_line(said) -> None:
    said = [{"role": "user", "content": "first of all"}, *said]
    told = read_on_the_command_line(said, "2026-01-01")
    offers = [{"function": {"name": "look"}, "type": "function"}]
    told = read_on_the_command_line({"messages": said, "tools": offers}, "2026-01-01")
    assert read_conversation(said) == [
        m for m in told if not isinstance(m, ossia.System) and not getattr(m, "tools", None)
    ]


def test_what_openais_client_gives_can_be_said_again() -> None:
    message = ChatCompletionMessage(role="assistant", content=None, tool_calls=[CALL])
    said = [{"role": "user", "content": "a"}, message.model_dump()]
    assert read_conversation(said)[1] == ossia.Assistant(
        '{"at": 1}', Channel.COMMENTARY, "functions.look", "json"
    )


def test_what_the_model_said_can_be_said_again(model) -> None:
    reply = model.chat("What is 27 + 58?", seed=1)
    said = ["What is 27 + 58?", *reply.messages, "plus 5?"]
    conversation = [ossia.User(said[0]), *reply.messages, ossia.User(said[-1])]
    assert model.chat(conversation, seed=1).text == "85 + 5 = 90"
    assert read_conversation([ParsedMessage(Channel.FINAL, None, None, "x")]) == [
        ossia.Assistant("x")
    ]


def test_instructions_in_dicts_go_with_tools_and_schema_in_options(model) -> None:
    dicts = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Is it?"}]
    schema = {"enum": ["yes"]}
    given = {"schema": schema, "reasoning_limit": 0, "seed": 1}
    reply = model.chat(dicts, **given)
    assert reply.parsed == "yes"
    same = model.chat("Is it?", system="Be short.", **given)
    assert reply.usage.prompt_tokens == same.usage.prompt_tokens


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (3, "is no conversation"),
        (None, "is no conversation"),
        (b"bytes", "is no conversation"),
        ({"role": "user", "content": "x"}, "is no conversation"),
        (ossia.User("x"), "is no conversation"),
        ((), "no message to answer"),
        ([None], "is no message"),
        ([{"role": ["user"], "content": "x"}], "is no message"),
        ([{"role": "user", "content": None}], "is no message"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}], "is no message"),
        ([{"role": "user", "content": ["x"]}], "is no message"),
        ([{"role": "assistant", "content": "x", "tool_calls": [{"id": 1}]}], "is no message"),
        ([{"role": "assistant", "content": "x", "reasoning": 3}], "is no message"),
        ([{"role": "assistant", "function_call": {"name": "x"}}], "is no message"),
        ([{"role": "tool", "tool_call_id": "a1", "content": "x"}], "answers no call"),
    ],
)
def test_what_is_no_conversation_is_refused_in_words(said, words) -> None:
    with pytest.raises(InputError, match=words):
        read_conversation(said)


@pytest.mark.parametrize(
    "document",
    [
        {"type": "function", "function": {"name": "look", "description": "d", "parameters": {}}},
        {"type": "function", "name": "look", "description": "d", "parameters": {}, "strict": True},
    ],
)
def test_tools_are_read_in_both_of_openais_spellings(document) -> None:
    assert tool_of(document) == ossia.Tool("look", "d", {})


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "web_search"},
        {"type": "function", "function": None},
        {"type": "function", "function": {"name": 3}},
        {"type": "function", "function": {"name": "x", "parameters": "{}"}},
    ],
)
def test_what_is_no_tool_is_refused_in_words(document) -> None:
    with pytest.raises(InputError, match="is no tool"):
        tool_of(document)
