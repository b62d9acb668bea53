"""Functions by the official ``openai`` package: offered, called, answered, carried."""

import json
from typing import Any, Literal

import httpx
import openai
import pytest
from pydantic import BaseModel
from tests.server.responses.asking import (
    ADD,
    CUSTOM,
    PATH,
    SUM,
)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "add"}])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_whole_loop_of_tools(ask, stream, choice, is_streamed) -> None:
    asked = {"tools": [ADD], "tool_choice": choice}
    response = stream(**asked)[-1]["response"] if is_streamed else ask(**asked).to_dict()
    assert response["status"] == "completed"
    *_, call = response["output"]
    assert (call["type"], call["name"]) == ("function_call", "add")
    assert json.loads(call["arguments"]) == {"a": 27, "b": 58}
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "85"}
    question = {"role": "user", "content": SUM}
    answer = ask(input=[question, *response["output"], result], tools=[ADD], tool_choice="none")
    assert answer.output_text
    going_on = ask(
        input=[result], previous_response_id=response["id"], tools=[ADD], tool_choice="none"
    )
    assert going_on.usage.input_tokens == answer.usage.input_tokens
    assert going_on.output_text == answer.output_text


def test_calls_side_by_side_have_their_own_results(ask) -> None:
    """As models of OpenAI make them: both calls, then the results, in whatever order."""
    question = {"role": "user", "content": "Two sums."}
    one, two = (
        {"type": "function_call", "call_id": call_id, "name": "add", "arguments": arguments}
        for call_id, arguments in (("c1", '{"a":1,"b":2}'), ("c2", '{"a":3,"b":4}'))
    )
    three, seven = (
        {"type": "function_call_output", "call_id": call_id, "output": output}
        for call_id, output in (("c1", "3"), ("c2", [{"type": "input_text", "text": "7"}]))
    )

    def said(*items: Any) -> tuple[int, str]:
        answer = ask(input=[question, *items], tools=[ADD], tool_choice="none", store=False)
        return answer.usage.input_tokens, answer.output_text

    assert (
        said(one, two, seven, three) == said(one, two, three, seven) == said(one, three, two, seven)
    )


def test_only_what_is_allowed_is_called(ask) -> None:
    other = ADD | {"name": "multiply", "description": "Multiplies."}
    choice = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "add"}],
    }
    answer = ask(tools=[other, ADD], tool_choice=choice)
    assert answer.output[-1].name == "add"
    assert answer.usage.input_tokens == ask(tools=[ADD], tool_choice="required").usage.input_tokens
    assert [tool.name for tool in answer.tools] == ["multiply", "add"]


def test_parsing_the_arguments_of_tools(client) -> None:
    class Add(BaseModel):
        a: Literal[27]
        b: Literal[58]

    parsed = client.responses.parse(
        model="nano",
        input=SUM,
        tools=[openai.pydantic_function_tool(Add, name="add")],
        tool_choice="required",
        max_output_tokens=600,
    )
    [call] = [item for item in parsed.output if item.type == "function_call"]
    assert call.parsed_arguments.a == 27


def test_functions_of_a_namespace_keep_it(ask, stream) -> None:
    space = {"type": "namespace", "name": "sums", "description": "Sums.", "tools": [ADD]}
    asked = {"tools": [space], "tool_choice": "required"}
    *_, call = stream(**asked)[-1]["response"]["output"]
    assert (call["namespace"], call["name"]) == ("sums", "add")
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "85"}
    question = {"role": "user", "content": SUM}
    assert ask(input=[question, call, result], tools=[space], tool_choice="none").output_text


def test_tools_of_other_types_are_reported(ask) -> None:
    tools = [
        {"type": "web_search"},
        {"type": "custom", "name": "patch", "format": {"type": "text"}},
        {"type": "file_search", "vector_store_ids": ["v"]},
        {"type": "namespace", "name": "n", "description": "N.", "tools": [CUSTOM]},
        ADD,
    ]
    answer = ask(tools=tools, tool_choice="none")
    assert len(answer.ossia["warnings"]) == 4
    assert [tool["type"] for tool in answer.to_dict()["tools"]] == [t["type"] for t in tools]
    assert len(ask(tools=tools[:-1], tool_choice="required").ossia["warnings"]) == 5
    assert len(ask(tools=tools, tool_choice={"type": "web_search_preview"}).ossia["warnings"]) == 5


def test_tools_of_tomorrow_are_no_error(address) -> None:
    tools = [{"type": "of tomorrow", "of": [1]}, ADD]
    asked = {"model": "nano", "input": SUM, "tools": tools, "tool_choice": {"type": "of tomorrow"}}
    answer = httpx.post(f"{address}{PATH}", json=asked).raise_for_status().json()
    assert answer["status"] == "completed"
    assert answer["tools"][0] == tools[0]
    assert len(answer["ossia"]["warnings"]) == 2


def test_reasoning_is_kept_between_calls_without_being_sent_back(ask) -> None:
    first = ask(tools=[ADD], tool_choice="required", store=False)
    thought, call = (item.to_dict() for item in first.output)
    assert (thought["type"], call["type"]) == ("reasoning", "function_call")
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "85"}

    def prompt(*items: Any) -> int:
        asked = [{"role": "user", "content": SUM}, *items, result]
        return int(ask(input=asked, tools=[ADD], max_output_tokens=1).usage.input_tokens)

    assert prompt(call) == prompt(thought, call)
    stranger = call | {"call_id": "call_unknown"}
    result = result | {"call_id": "call_unknown"}
    assert prompt(stranger) < prompt(thought, stranger)


def test_sealed_reasoning_comes_back(ask, stream) -> None:
    asked = {"include": ["reasoning.encrypted_content"], "store": False}
    call = {"tools": [ADD], "tool_choice": "required"}
    thought, called = stream(**asked, **call)[-1]["response"]["output"]
    assert thought["content"][0]["text"] not in thought["encrypted_content"]
    stranger = called | {"call_id": "call_unknown"}
    result = {"type": "function_call_output", "call_id": "call_unknown", "output": "85"}

    def prompt(**fields: Any) -> Any:
        reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], **fields}
        items = [{"role": "user", "content": SUM}, reasoning, stranger, result]
        return ask(input=items, tools=[ADD], max_output_tokens=1)

    sealed = thought["encrypted_content"]
    opened = prompt(encrypted_content=sealed)
    assert opened.usage.input_tokens == prompt(content=thought["content"]).usage.input_tokens
    middle = len(sealed) // 2
    changed = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    for foreign in (changed, "gAAAAABforeign", "é"):
        forgotten = prompt(encrypted_content=foreign)
        assert forgotten.usage.input_tokens < opened.usage.input_tokens
        [warning] = forgotten.ossia["warnings"]
        assert warning == "input[1]: its encrypted_content was not made here"
