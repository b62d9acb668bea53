"""Requests to what the model reads, without a server: efforts, instructions, items left out."""

from typing import Any

import pytest

from ossia.agent import Transcript
from ossia.chat import NamedTool, Settings, ToolChoice
from ossia.harmony import Assistant, Channel, Developer, Effort, System, ToolResult, User
from ossia.server.errors import RequestError
from ossia.server.recall import Recall
from ossia.server.responses.items import kept_items
from ossia.server.responses.schema import ResponseRequest
from ossia.server.responses.sealing import Seal
from ossia.server.responses.translate import Memory, Prompt, asked_of, prompt_of

PARAMETERS = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
ADD = {"type": "function", "name": "add", "description": "Adds.", "parameters": PARAMETERS}


def read(persona: Transcript | None = None, memory: Memory | None = None, **asked: Any) -> Prompt:
    request = ResponseRequest.model_validate({"model": "nano", "input": "Hi"} | asked)
    said = [(f"input[{n}]", i) for n, i in enumerate(kept_items(request.input, "input"))]
    memory = memory or Memory(Recall(), Seal(None))
    return prompt_of(request, said, "2026-01-01", persona or Transcript(), memory)


def settings_of(**asked: Any) -> Settings:
    request = ResponseRequest.model_validate({"model": "nano", "input": "Hi"} | asked)
    return asked_of(request, read(), Settings(temperature=0.5, top_p=0.9), "key").settings


@pytest.mark.parametrize(
    ("told", "effort", "limit"),
    [
        (None, Effort.MEDIUM, None),
        ("none", Effort.LOW, 0),
        ("minimal", Effort.LOW, None),
        ("low", Effort.LOW, None),
        ("medium", Effort.MEDIUM, None),
        ("high", Effort.HIGH, None),
        ("xhigh", Effort.HIGH, None),
        ("max", Effort.HIGH, None),
    ],
)
def test_efforts(told: str | None, effort: Effort, limit: int | None) -> None:
    prompt = read(reasoning={"effort": told})
    system = prompt.messages[0]
    assert isinstance(system, System)
    assert (system.effort, prompt.demands.reasoning_limit) == (effort, limit)


def test_a_persona_speaks_where_the_request_does_not() -> None:
    persona = Transcript(effort=Effort.HIGH, instructions="Be a pirate.")
    system, developer, _ = read(persona).messages
    assert isinstance(system, System)
    assert isinstance(developer, Developer)
    assert (system.effort, developer.instructions) == (Effort.HIGH, "Be a pirate.")
    for asked in (
        {"instructions": "Be brief."},
        {
            "input": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "?"},
            ]
        },
    ):
        _, developer, *_ = read(persona, **asked).messages
        assert isinstance(developer, Developer)
        assert developer.instructions == "Be brief."


def test_instructions_stand_before_what_was_said_or_where_they_came() -> None:
    items = [
        {"role": "system", "content": "One."},
        {"role": "developer", "content": [{"type": "input_text", "text": "Two."}]},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "system", "content": "Three."},
        {"role": "user", "content": "Again"},
    ]
    assert read(instructions="Zero.", input=items).messages[1:] == (
        Developer("Zero.\n\nOne.\n\nTwo."),
        User("Hi"),
        Assistant("Hello."),
        Developer("Three."),
        User("Again"),
    )


def test_what_was_said_before_a_call_is_a_preamble() -> None:
    thought = [{"type": "reasoning_text", "text": "I should."}]
    items = [
        {"role": "user", "content": "Add."},
        {"type": "reasoning", "summary": [], "content": thought},
        {"role": "assistant", "content": "Let me add."},
        {"type": "function_call", "call_id": "c", "name": "add", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
    ]
    prompt = read(input=items, tools=[ADD])
    assert prompt.messages[2:] == (
        User("Add."),
        Assistant("I should.", Channel.ANALYSIS),
        Assistant("Let me add.", Channel.COMMENTARY),
        Assistant('{"a":1}', Channel.COMMENTARY, "functions.add", "json"),
        ToolResult("functions.add", "1"),
    )
    assert prompt.warnings == ()


def test_items_that_no_text_model_reads_are_left_and_told() -> None:
    items = [
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"role": "user", "content": "Hi"},
        {"type": "of tomorrow", "anything": [1]},
    ]
    prompt = read(input=items)
    assert prompt.messages[1:] == (User("Hi"),)
    assert [warning.partition(":")[0] for warning in prompt.warnings] == ["input[0]", "input[2]"]


def test_tools_that_come_among_the_items() -> None:
    items = [{"type": "additional_tools", "tools": [ADD]}, {"role": "user", "content": "Hi"}]
    prompt = read(input=items, tool_choice="required")
    assert [function.name for function in prompt.box.functions] == ["add"]
    assert prompt.demands.tool_choice is ToolChoice.REQUIRED


@pytest.mark.parametrize(
    ("told", "choice"),
    [
        ("none", ToolChoice.NONE),
        ("auto", ToolChoice.AUTO),
        ("required", ToolChoice.REQUIRED),
        ({"type": "function", "name": "add"}, NamedTool("functions.add")),
    ],
)
def test_whom_the_model_may_call(told: Any, choice: ToolChoice | NamedTool) -> None:
    assert read(tools=[ADD], tool_choice=told).demands.tool_choice == choice


@pytest.mark.parametrize(
    ("strict", "parameters", "found"),
    [
        (None, PARAMETERS, {"functions.add"}),
        (False, PARAMETERS, set()),
        (None, {"type": "object", "minProperties": 3}, set()),
        (None, None, {"functions.add"}),
    ],
)
def test_functions_are_strict_as_far_as_can_be(
    strict: bool | None, parameters: Any, found: set[str]
) -> None:
    prompt = read(tools=[ADD | {"strict": strict, "parameters": parameters}])
    assert prompt.demands.strict_tools == found


def test_reasoning_in_whichever_form_it_comes() -> None:
    memory = Memory(Recall(), Seal(None))
    sealed = memory.seal.close("I thought.")
    part, summary = [{"type": "reasoning_text", "text": "I thought."}], "I thought."
    for given in (
        {"content": part},
        {"encrypted_content": sealed},
        {"content": part, "encrypted_content": "of another server"},
        {"summary": [{"type": "summary_text", "text": summary}]},
    ):
        item = {"type": "reasoning", "summary": []} | given
        call = {"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"}
        result = {"type": "function_call_output", "call_id": "c", "output": "1"}
        items = [{"role": "user", "content": "Hi"}, item, call, result]
        prompt = read(memory=memory, input=items, tools=[ADD])
        assert prompt.messages[3] == Assistant("I thought.", Channel.ANALYSIS), given
        assert prompt.warnings == ()


def test_how_tokens_are_chosen() -> None:
    assert settings_of() == Settings(temperature=0.5, top_p=0.9)
    given = settings_of(temperature=0, top_p=1, seed=-1, max_output_tokens=7, top_logprobs=2)
    assert (given.temperature, given.top_p, given.max_tokens, given.num_logprobs) == (0, 1, 7, 2)
    assert given.seed == 2**64 - 1
    assert settings_of(include=["message.output_text.logprobs"]).num_logprobs == 0


def test_users_of_one_key_get_their_own_share() -> None:
    request = ResponseRequest.model_validate({"model": "nano", "input": "Hi", "user": "u"})
    assert asked_of(request, read(), Settings(), "key").terms.client == "key/u"


def test_a_prompt_kept_elsewhere_is_refused() -> None:
    request = ResponseRequest.model_validate({"model": "nano", "prompt": {"id": "pmpt_1"}})
    with pytest.raises(RequestError, match="instructions"):
        asked_of(request, read(), Settings(), "")
