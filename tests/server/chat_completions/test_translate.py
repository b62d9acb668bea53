"""Requests in the house's own words."""

import json
from typing import Any

import pytest

from ossia.agent.persona import PLAIN, opening
from ossia.agent.transcript import Transcript
from ossia.chat import Demands, NamedTool, Settings, Terms, ToolChoice
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
from ossia.hub import Persona
from ossia.server.chat_completions.schema import ChatCompletionRequest
from ossia.server.chat_completions.translate import Translated, translate
from ossia.server.errors import RequestError
from ossia.server.recall import Recall
from ossia.server.validation import validated

TODAY = "2026-01-01"
HI = [{"role": "user", "content": "Hi"}]
NOBODY = opening(PLAIN)
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA, **more}}


def call(call_id: str, name: str, arguments: Any = "{}") -> dict[str, Any]:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def read(recall: Recall | None = None, persona: Transcript = NOBODY, **fields: Any) -> Translated:
    body = {"model": "nano", "messages": HI} | fields
    request = validated(ChatCompletionRequest, json.loads(json.dumps(body)))
    return translate(request, TODAY, persona, recall or Recall())


def test_the_least_request_asks_with_the_models_own_settings() -> None:
    found = read()
    assert found.asked.messages == (System(Effort.MEDIUM, TODAY), User("Hi"))
    assert (found.asked.settings, found.asked.demands) == (Settings(), Demands())
    assert (found.asked.terms, found.warnings) == (Terms(), ())


def test_null_is_left_out() -> None:
    names = set(ChatCompletionRequest.model_fields) - {"model", "messages"}
    assert read(**dict.fromkeys(names)).asked == read().asked


def test_unknown_fields_are_left() -> None:
    found = read(service_tier="auto", store=True, metadata={"a": "b"}, verbosity="low", x=1)
    assert found.asked == read().asked


def test_every_setting_arrives() -> None:
    found = read(
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        min_p=0.1,
        repetition_penalty=1.1,
        presence_penalty=0.2,
        frequency_penalty=0.3,
        logit_bias={"7": -100, "8": 2.5},
        seed=-1,
        max_tokens=9,
        logprobs=True,
        top_logprobs=3,
        stop=["a", "b"],
        user="u",
    ).asked
    assert found.settings == Settings(
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        min_p=0.1,
        seed=2**64 - 1,
        max_tokens=9,
        repetition_penalty=1.1,
        presence_penalty=0.2,
        frequency_penalty=0.3,
        logit_bias=((7, -100.0), (8, 2.5)),
        num_logprobs=3,
    )
    assert found.demands.stop == ("a", "b")
    assert found.terms == Terms(client="u")


def test_the_newer_names_win() -> None:
    found = read(max_tokens=9, max_completion_tokens=7, user="u", safety_identifier="s").asked
    assert (found.settings.max_tokens, found.terms.client) == (7, "s")


def test_a_keys_users_are_told_apart() -> None:
    for user, client in [(None, "key"), ("u", "key/u")]:
        request = validated(ChatCompletionRequest, {"model": "nano", "messages": HI, "user": user})
        found = translate(request, TODAY, NOBODY, Recall(), "key")
        assert found.asked.terms == Terms(client=client)


def test_logprobs_alone_are_those_of_the_tokens_themselves() -> None:
    assert read(logprobs=True).asked.settings.num_logprobs == 0
    assert read(logprobs=False).asked.settings.num_logprobs is None


@pytest.mark.parametrize(
    ("told", "effort", "limit"),
    [
        ("none", Effort.LOW, 0),
        ("minimal", Effort.LOW, None),
        ("low", Effort.LOW, None),
        ("medium", Effort.MEDIUM, None),
        ("high", Effort.HIGH, None),
        ("xhigh", Effort.HIGH, None),
    ],
)
def test_efforts_of_other_models_are_the_nearest(told, effort, limit) -> None:
    found = read(reasoning_effort=told).asked
    assert found.messages[0] == System(effort, TODAY)
    assert found.demands.reasoning_limit == limit


def test_system_and_developer_are_one_message_of_instructions() -> None:
    found = read(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
            *HI,
        ],
        tools=[function("add", description="Adds.")],
    )
    tool = Tool("add", "Adds.", SCHEMA)
    assert found.asked.messages[1] == Developer("Be brief.\n\nBe kind.", (tool,))


def test_parts_of_text_are_one_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]
    assert read(messages=[{"role": "user", "content": parts}]).asked.messages[1] == User("ab")


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content", "thinking"])
def test_reasoning_is_read_under_every_name(name) -> None:
    said = {"role": "assistant", "content": "So.", "tool_calls": [call("1", "add")], name: "Hm."}
    results = {"role": "tool", "tool_call_id": "1", "content": "3"}
    assert read(messages=[*HI, said, results], tools=[function("add")]).asked.messages[2:] == (
        User("Hi"),
        Assistant("Hm.", Channel.ANALYSIS),
        Assistant("So.", Channel.COMMENTARY),
        Assistant("{}", Channel.COMMENTARY, "functions.add", "json"),
        ToolResult("functions.add", "3"),
    )


def test_reasoning_that_is_not_sent_back_is_recalled() -> None:
    recall = Recall()
    recall.keep("1", "Hm.")
    said = {"role": "assistant", "content": None, "tool_calls": [call("1", "add")]}
    told = Assistant("Hm.", Channel.ANALYSIS)
    assert told in read(recall, messages=[*HI, said]).asked.messages
    assert told not in read(messages=[*HI, said]).asked.messages
    said |= {"reasoning": "Else."}
    assert told not in read(recall, messages=[*HI, said]).asked.messages


def test_arguments_may_be_an_object_and_calls_of_another_type() -> None:
    custom = {"id": "2", "type": "custom", "custom": {"name": "grep", "input": "x"}}
    said = {"role": "assistant", "tool_calls": [call("1", "add", {"a": "ü"}), custom]}
    texts = [m.text for m in read(messages=[*HI, said]).asked.messages if isinstance(m, Assistant)]
    assert texts == ['{"a": "ü"}', "x"]


def test_an_empty_answer_is_an_answer_and_a_refusal_is_what_it_says() -> None:
    assert read(messages=[*HI, {"role": "assistant"}]).asked.messages[-1] == Assistant("")
    refusal = {"role": "assistant", "content": None, "refusal": "No."}
    assert read(messages=[*HI, refusal]).asked.messages[-1] == Assistant("No.")


def test_names_that_harmony_cannot_carry_get_others() -> None:
    tools = [function("web.find", strict=True), function("python")]
    choice = {"type": "function", "function": {"name": "web.find"}}
    found = read(tools=tools, tool_choice=choice)
    developer = found.asked.messages[1]
    assert isinstance(developer, Developer)
    assert [tool.name for tool in developer.tools] == ["web_find", "python_tool"]
    assert found.asked.demands.tool_choice == NamedTool("functions.web_find")
    assert found.asked.demands.strict_tools == {"functions.web_find"}
    assert found.names.outside("functions.web_find") == "web.find"


@pytest.mark.parametrize("choice", ["none", "auto", "required"])
def test_tool_choices(choice) -> None:
    found = read(tools=[function("add")], tool_choice=choice)
    assert found.asked.demands.tool_choice is ToolChoice(choice)


def test_allowed_tools_are_those_that_are_shown() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "b"}}]}
    found = read(
        tools=[function("a", strict=True), function("b")],
        tool_choice={"type": "allowed_tools", "allowed_tools": allowed},
    ).asked
    assert isinstance(found.messages[1], Developer)
    assert [tool.name for tool in found.messages[1].tools] == ["b"]
    assert found.demands == Demands(tool_choice=ToolChoice.REQUIRED)


def test_tools_of_other_types_are_told_in_a_warning() -> None:
    found = read(
        tools=[{"type": "web_search"}, function("add"), function("add")],
        tool_choice={"type": "custom", "custom": {"name": "x"}},
    )
    assert [warning.split(":")[0] for warning in found.warnings] == [
        "tools[0]",
        "tools[2]",
        "tool_choice",
    ]
    assert isinstance(found.asked.messages[1], Developer)
    assert len(found.asked.messages[1].tools) == 1


def test_forms_of_the_answer() -> None:
    schema = {"name": "sum", "schema": SCHEMA, "strict": True, "description": "A sum."}
    found = read(response_format={"type": "json_schema", "json_schema": schema}).asked
    assert found.messages[1] == Developer(None, (), ResponseFormat("sum", SCHEMA, "A sum."))
    found = read(response_format={"type": "json_object"}).asked
    assert found.messages[1] == Developer(None, (), ResponseFormat("object", {"type": "object"}))
    assert read(response_format={"type": "text"}).asked == read().asked


def test_a_persona_speaks_where_the_request_does_not() -> None:
    persona = opening(Persona("nano", "Arr.", "high", {"temperature": 0.5, "top_p": 0.9}))
    found = read(persona=persona, top_p=0.8).asked
    assert found.messages[:2] == (System(Effort.HIGH, TODAY), Developer("Arr."))
    assert found.settings == Settings(temperature=0.5, top_p=0.8)
    messages = [*HI, {"role": "system", "content": "Be kind."}]
    found = read(persona=persona, messages=messages, reasoning_effort="low").asked
    assert found.messages == (System(Effort.LOW, TODAY), User("Hi"), Developer("Be kind."))


def test_a_result_without_its_call_is_refused() -> None:
    with pytest.raises(RequestError, match="no call before it has the id 'x'") as caught:
        read(messages=[*HI, {"role": "tool", "tool_call_id": "x", "content": "3"}])
    assert caught.value.param == "messages[1].tool_call_id"
