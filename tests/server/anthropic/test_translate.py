"""Anthropic's requests to harmony's messages, settings and demands."""

from typing import Any

import pytest

from ossia.agent import Transcript
from ossia.base.errors import ConversationError, InputError
from ossia.chat import NamedTool, Settings, ToolChoice
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
)
from ossia.server.anthropic import schema
from ossia.server.anthropic.signature import signature_of
from ossia.server.anthropic.translate import Display, Translation, translate
from ossia.server.recall import Recall

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
ADD = {"name": "add", "description": "Adds.", "input_schema": SCHEMA}
USE = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 27, "b": "é"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "85"}


PIRATE = Transcript(
    effort=Effort.HIGH, instructions="Arr.", settings=Settings(temperature=0.5, max_tokens=9)
)


def ask(
    *messages: Any, recall: Recall | None = None, is_pirate: bool = False, **fields: Any
) -> Translation:
    request = schema.MessageRequest.model_validate(
        {"model": "nano", "max_tokens": 4096, "messages": list(messages), **fields}
    )
    return translate(
        request, "2026-01-01", PIRATE if is_pirate else Transcript(), recall or Recall()
    )


def user(content: Any = "Hi") -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def thinking(thought: str, signature: str = "other") -> dict[str, str]:
    return {"type": "thinking", "thinking": thought, "signature": signature}


@pytest.mark.parametrize("system", ["Be brief.", [text("Be brief.")]])
def test_a_system_prompt_is_the_developers(system: Any) -> None:
    assert ask(user(), system=system).asked.messages == (
        System(Effort.MEDIUM, "2026-01-01"),
        Developer("Be brief."),
        User("Hi"),
    )


def test_a_persona_counts_where_the_request_says_nothing() -> None:
    plain = ask(user(), is_pirate=True).asked
    assert plain.messages[:2] == (System(Effort.HIGH, "2026-01-01"), Developer("Arr."))
    assert plain.settings == Settings(temperature=0.5, max_tokens=4096)
    own = ask(user(), is_pirate=True, system="S", temperature=1, thinking={"type": "disabled"})
    assert own.asked.messages[:2] == (System(Effort.LOW, "2026-01-01"), Developer("S"))
    assert own.asked.settings.temperature == 1


def test_several_blocks_are_paragraphs() -> None:
    blocks = [text("One."), {**text("Two."), "cache_control": {"type": "ephemeral"}}]
    messages = ask(user(blocks), system=blocks).asked.messages
    assert messages[1:] == (Developer("One.\n\nTwo."), User("One.\n\nTwo."))


def test_documents_and_search_results_of_text_are_text() -> None:
    document = {
        "type": "document",
        "title": "Poem",
        "source": {"type": "text", "media_type": "text/plain", "data": "Roses"},
    }
    found = {"type": "search_result", "source": "x.org", "title": "X", "content": [text("found")]}
    messages = ask(user([document, found])).asked.messages
    assert messages[1] == User("Poem\n\nRoses\n\nX (x.org)\n\nfound")


def test_a_tool_loop() -> None:
    translation = ask(
        user(),
        assistant(thinking("I add."), text("Let me see."), USE),
        user([RESULT, text("Go on.")]),
        tools=[ADD],
    )
    assert translation.asked.messages[1:] == (
        Developer(None, (Tool("add", "Adds.", SCHEMA),)),
        User("Hi"),
        Assistant("I add.", Channel.ANALYSIS),
        Assistant("Let me see.", Channel.COMMENTARY),
        Assistant('{"a":27,"b":"é"}', Channel.COMMENTARY, "functions.add", "json"),
        ToolResult("functions.add", "85"),
        User("Go on."),
    )


def test_thinking_that_was_not_shown_comes_back_in_its_signature() -> None:
    omitted = thinking("", signature_of("I add.", is_shown=False))
    messages = ask(user(), assistant(omitted, USE), user([RESULT]), tools=[ADD]).asked.messages
    assert Assistant("I add.", Channel.ANALYSIS) in messages


@pytest.mark.parametrize("signature", ["ossia:***", "ossia:/w==", "", "WaUjzkyp"])
def test_a_signature_that_carries_nothing_is_no_error(signature: str) -> None:
    messages = ask(user(), assistant(thinking("", signature), text("Yes.")), user()).asked.messages
    assert messages[1:] == (User("Hi"), Assistant("Yes."), User("Hi"))


def test_thinking_of_another_server_is_left() -> None:
    redacted = {"type": "redacted_thinking", "data": "abc"}
    messages = ask(user(), assistant(redacted, text("Yes.")), user()).asked.messages
    assert messages[1:] == (User("Hi"), Assistant("Yes."), User("Hi"))


def test_forgotten_reasoning_is_recalled() -> None:
    recall = Recall()
    recall.keep("toolu_1", "I add.")
    messages = ask(
        user(), assistant(text("See."), USE), user([RESULT]), tools=[ADD], recall=recall
    ).asked.messages
    assert messages[3:5] == (
        Assistant("I add.", Channel.ANALYSIS),
        Assistant("See.", Channel.COMMENTARY),
    )


@pytest.mark.parametrize(
    ("fields", "effort", "limit", "display"),
    [
        ({}, Effort.MEDIUM, None, Display.HIDDEN),
        ({"thinking": {"type": "disabled"}}, Effort.LOW, 0, Display.HIDDEN),
        ({"thinking": {"type": "adaptive"}}, Effort.MEDIUM, None, Display.SHOWN),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            Effort.MEDIUM,
            None,
            Display.OMITTED,
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, Effort.LOW, 1024, Display.SHOWN),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 10_000}},
            Effort.MEDIUM,
            10_000,
            Display.SHOWN,
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 32_000}},
            Effort.HIGH,
            32_000,
            Display.SHOWN,
        ),
        ({"output_config": {"effort": "max"}}, Effort.HIGH, None, Display.HIDDEN),
        (
            {
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "output_config": {"effort": "high"},
            },
            Effort.HIGH,
            1024,
            Display.SHOWN,
        ),
    ],
)
def test_thinking_is_effort_and_a_limit(
    fields: dict[str, Any], effort: Effort, limit: int | None, display: Display
) -> None:
    translation = ask(user(), **fields)
    system = translation.asked.messages[0]
    assert isinstance(system, System)
    assert system.effort is effort
    assert translation.asked.demands.reasoning_limit == limit
    assert translation.display is display


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        (None, ToolChoice.AUTO),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice.AUTO),
        ({"type": "any"}, ToolChoice.REQUIRED),
        ({"type": "none"}, ToolChoice.NONE),
        ({"type": "tool", "name": "add"}, NamedTool("functions.add")),
    ],
)
def test_the_choice_of_a_tool(choice: Any, meant: ToolChoice | NamedTool) -> None:
    demands = ask(user(), tools=[{**ADD, "strict": True}], tool_choice=choice).asked.demands
    assert demands.tool_choice == meant
    assert demands.strict_tools == {"functions.add"}


def test_settings_and_stops_and_whose_it_is() -> None:
    asked = ask(
        user(),
        temperature=0.5,
        top_k=3,
        top_p=0.9,
        stop_sequences=["END"],
        metadata={"user_id": "u1"},
        service_tier="auto",
    ).asked
    assert asked.settings == Settings(temperature=0.5, top_k=3, top_p=0.9, max_tokens=4096)
    assert asked.demands.stop == ("END",)
    assert asked.terms.client == "u1"


def test_a_form_is_the_developers() -> None:
    config = {"format": {"type": "json_schema", "schema": SCHEMA}}
    messages = ask(user(), output_config=config).asked.messages
    assert messages[1] == Developer(None, (), ResponseFormat("response", SCHEMA))


def test_tools_that_the_model_does_not_know_are_left_out_and_told() -> None:
    search = {"name": "web_search", "type": "web_search_20250305", "max_uses": 5}
    translation = ask(user(), tools=[search, ADD])
    developer = translation.asked.messages[1]
    assert isinstance(developer, Developer)
    assert [tool.name for tool in developer.tools] == ["add"]
    assert "web_search" in translation.warnings[0]


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://x.org/x.png"}}
PDF = {"type": "document", "source": {"type": "base64", "data": "JVBERi0="}}


@pytest.mark.parametrize(
    ("messages", "fields", "reason"),
    [
        ([user([IMAGE])], {}, r"messages\[0\]\.content\[0\]: image cannot be shown"),
        ([user([PDF])], {}, "document cannot be shown"),
        (
            [user(), assistant(USE), user([{**RESULT, "content": [IMAGE]}])],
            {"tools": [ADD]},
            r"messages\[2\]\.content\[0\]\.content\[0\]: image",
        ),
        ([user([RESULT])], {}, "no tool_use before it has the id 'toolu_1'"),
        ([user([USE])], {}, "tool_use is the assistant's"),
        ([user([thinking("x")])], {}, "thinking is the assistant's"),
        ([user(), assistant(RESULT), user()], {}, "tool_result is the user's"),
        ([user(), assistant(text("Well"))], {}, "cannot be begun"),
        ([user()], {"tools": [ADD, ADD]}, "the name of two"),
        ([user()], {"tools": [{"name": "add"}]}, r"tools\[0\]\.input_schema"),
        ([user()], {"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ([user()], {"thinking": {"type": "enabled"}}, "budget_tokens"),
        ([user()], {"stop_sequences": [""]}, "empty"),
    ],
)
def test_what_cannot_be_is_refused(messages: Any, fields: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        ask(*messages, **fields)


def test_refusals_of_conversations_are_conversation_errors() -> None:
    with pytest.raises(ConversationError):
        ask(user([IMAGE]))
