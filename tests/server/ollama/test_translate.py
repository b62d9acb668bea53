"""Ollama's requests to harmony's messages, settings and demands."""

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
    ToolResult,
    User,
)
from ossia.server.ollama import schema
from ossia.server.ollama.translate import (
    Translation,
    persona_settings,
    settings_of,
    translate_chat,
    translate_generate,
)
from ossia.server.recall import Recall

ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}
CALL = {"function": {"name": "add", "arguments": {"a": 27}}}
PIRATE = Transcript(effort=Effort.HIGH, instructions="Arr.", settings=Settings(temperature=0.5))


def chat(*messages: Any, recall: Recall | None = None, **more: Any) -> Translation:
    request = schema.ChatRequest.model_validate(
        {"model": "nano", "messages": list(messages), **more}
    )
    persona = PIRATE if more["model"] == "pirate" else Transcript()
    return translate_chat(request, "2026-01-01", persona, recall or Recall())


def user(text: str = "Hi") -> dict[str, str]:
    return {"role": "user", "content": text}


def test_a_system_prompt_is_the_developers() -> None:
    asked = chat({"role": "system", "content": "Be brief."}, user(), model="nano").asked
    assert asked.messages == (
        System(Effort.MEDIUM, "2026-01-01"),
        Developer("Be brief."),
        User("Hi"),
    )


def test_a_persona_counts_where_the_request_says_nothing() -> None:
    plain = chat(user(), model="pirate").asked
    assert plain.messages[:2] == (System(Effort.HIGH, "2026-01-01"), Developer("Arr."))
    assert plain.settings.temperature == 0.5
    own = chat(
        {"role": "system", "content": "Be brief."},
        user(),
        model="pirate",
        think="low",
        options={"temperature": 0},
    ).asked
    assert own.messages[:2] == (System(Effort.LOW, "2026-01-01"), Developer("Be brief."))
    assert own.settings.temperature == 0


@pytest.mark.parametrize(
    ("think", "effort", "limit"),
    [
        (None, Effort.MEDIUM, None),
        (True, Effort.MEDIUM, None),
        (False, Effort.LOW, 0),
        ("low", Effort.LOW, None),
        ("medium", Effort.MEDIUM, None),
        ("high", Effort.HIGH, None),
        ("max", Effort.HIGH, None),
    ],
)
def test_think_is_effort(think: Any, effort: Effort, limit: int | None) -> None:
    asked = chat(user(), model="nano", think=think).asked
    system = asked.messages[0]
    assert isinstance(system, System)
    assert system.effort is effort
    assert asked.demands.reasoning_limit == limit


def test_options_are_settings_and_unknown_ones_are_left() -> None:
    options = schema.Options.model_validate(
        {
            "temperature": 1,
            "top_k": -1,
            "top_p": 0.9,
            "min_p": 0.1,
            "seed": 7.0,
            "num_predict": 5,
            "repeat_penalty": 1.1,
            "presence_penalty": 0.5,
            "frequency_penalty": None,
            "num_ctx": 8192,
            "mirostat": 1,
            "stop": "x",
        }
    )
    assert settings_of(options, Settings(frequency_penalty=0.25)) == Settings(
        temperature=1.0,
        top_k=0,
        top_p=0.9,
        min_p=0.1,
        seed=7,
        max_tokens=5,
        repetition_penalty=1.1,
        presence_penalty=0.5,
        frequency_penalty=0.25,
    )
    assert options.stop == ["x"]


@pytest.mark.parametrize("least", [-1, -2, 0])
def test_no_end_is_the_contexts_end(least: int) -> None:
    options = schema.Options(num_predict=least, seed=-1)
    assert settings_of(options, Settings(max_tokens=9, seed=3)) == Settings()


def test_a_tool_loop_without_ids_finds_its_calls() -> None:
    other = {"function": {"name": "now", "arguments": {}}}
    messages = chat(
        user(),
        {"role": "assistant", "content": "", "thinking": "Sums.", "tool_calls": [CALL, other]},
        {"role": "tool", "content": "noon", "tool_name": "now"},
        {"role": "tool", "content": "85", "tool_name": "add"},
        model="nano",
        tools=[ADD],
    ).asked.messages
    assert messages[3:] == (
        Assistant("Sums.", Channel.ANALYSIS),
        Assistant('{"a":27}', Channel.COMMENTARY, "functions.add", "json"),
        ToolResult("functions.add", "85"),
        Assistant("{}", Channel.COMMENTARY, "functions.now", "json"),
        ToolResult("functions.now", "noon"),
    )


def test_two_calls_of_one_tool_are_answered_in_order() -> None:
    messages = chat(
        user(),
        {"role": "assistant", "tool_calls": [CALL, CALL]},
        {"role": "tool", "content": "first"},
        {"role": "tool", "content": "second"},
        model="nano",
        tools=[ADD],
    ).asked.messages
    results = [message.text for message in messages if isinstance(message, ToolResult)]
    assert results == ["first", "second"]


def test_many_calls_and_results_take_no_long_search() -> None:
    talk = [{"role": "assistant", "tool_calls": [CALL] * 20_000}]
    talk += [{"role": "tool", "content": str(n), "tool_name": "add"} for n in range(20_000)]
    messages = chat(user(), *talk, model="nano", tools=[ADD]).asked.messages
    results = [message.text for message in messages if isinstance(message, ToolResult)]
    assert results == [str(n) for n in range(20_000)]


def test_a_result_with_an_id_is_that_calls() -> None:
    calls = [CALL | {"id": "c1"}, CALL | {"id": "c2"}]
    messages = chat(
        user(),
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "content": "second", "tool_call_id": "c2", "tool_name": "add"},
        {"role": "tool", "content": "first", "tool_name": "add"},
        model="nano",
        tools=[ADD],
    ).asked.messages
    results = [message.text for message in messages if isinstance(message, ToolResult)]
    assert results == ["first", "second"]


def test_forgotten_reasoning_is_recalled() -> None:
    recall = Recall()
    recall.keep("call_1", "I add.")
    call = CALL | {"id": "call_1"}
    said = {"role": "assistant", "tool_calls": [call]}
    result = {"role": "tool", "content": "85", "tool_call_id": "call_1"}
    messages = chat(user(), said, result, model="nano", tools=[ADD], recall=recall).asked.messages
    assert Assistant("I add.", Channel.ANALYSIS) in messages


def test_a_format_is_the_developers() -> None:
    shape = {"type": "object", "properties": {}}
    for given, meant in (
        ("json", ResponseFormat("object", {"type": "object"})),
        (shape, ResponseFormat("response", shape)),
        ("", None),
    ):
        asked = chat({"role": "system", "content": "S"}, user(), model="nano", format=given).asked
        assert asked.messages[1] == Developer("S", (), meant)


def test_the_choice_of_a_tool() -> None:
    strict = {"type": "function", "function": {**ADD["function"], "strict": True}}  # type: ignore[dict-item]
    named = {"type": "function", "function": {"name": "add"}}
    demands = chat(user(), model="nano", tools=[strict], tool_choice=named).asked.demands
    assert demands.tool_choice == NamedTool("functions.add")
    assert demands.strict_tools == {"functions.add"}
    demands = chat(user(), model="nano", tools=[ADD], tool_choice="required").asked.demands
    assert demands.tool_choice is ToolChoice.REQUIRED


def test_names_that_harmony_cannot_carry_come_back_as_they_were() -> None:
    tool = {"type": "function", "function": {"name": "my tool"}}
    translation = chat(user(), model="nano", tools=[tool])
    developer = translation.asked.messages[1]
    assert isinstance(developer, Developer)
    wire = developer.tools[0].name
    assert wire != "my tool"
    assert translation.names.outside(f"functions.{wire}") == "my tool"


def generate(persona: Transcript = PIRATE, earlier: Any = (), **fields: Any) -> Translation:
    request = schema.GenerateRequest.model_validate({"model": "nano", "prompt": "Hi", **fields})
    return translate_generate(request, None, persona, earlier)


def test_generate_goes_on_from_a_context() -> None:
    earlier = (Developer("Old."), User("One?"), Assistant("Two."))
    assert generate(earlier=earlier).asked.messages[1:] == (*earlier, User("Hi"))
    assert generate(earlier=earlier, system="New.").asked.messages[1:] == (
        Developer("New."),
        *earlier[1:],
        User("Hi"),
    )
    assert generate().asked.messages[1] == Developer("Arr.")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"suffix": "end"}, "suffix"),
        ({"template": "{{ .Prompt }}"}, "template"),
        ({"images": ["iVBORw0KGgo="]}, "no images"),
        ({"options": {"temperature": -1}}, "temperature"),
        ({"options": {"seed": 2**64}}, "seed"),
        ({"options": {"stop": [""]}}, "empty"),
    ],
)
def test_what_generate_cannot_do_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        generate(**fields)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"role": "user", "content": "?", "images": ["iVBORw0KGgo="]}], "no images"),
        ([{"role": "tool", "content": "85"}], "no call before it"),
        ([user(), {"role": "tool", "content": "85", "tool_name": "sub"}], "'sub'"),
        ([user(), {"role": "tool", "content": "85", "tool_call_id": "c9"}], "'c9'"),
    ],
)
def test_conversations_that_cannot_be_are_refused(messages: Any, reason: str) -> None:
    with pytest.raises(ConversationError, match=reason):
        chat(*messages, model="nano")


def test_parameters_of_a_persona() -> None:
    assert persona_settings(
        {"temperature": 0.5, "num_predict": -1, "num_ctx": 4096, "repeat_penalty": 1.5}
    ) == {"temperature": 0.5, "repetition_penalty": 1.5}
    for parameters in ({"temperature": "hot"}, {"stop": ["x"]}):
        with pytest.raises(InputError, match=r"parameters\."):
            persona_settings(parameters)
