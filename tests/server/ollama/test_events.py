"""nano's answers as lines and whole answers of Ollama's."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.server.ollama.stream import check_end, check_lines

from ossia.agent import Transcript
from ossia.chat import ChatModel, Done, ScoredToken, Text
from ossia.harmony import ToolNames
from ossia.server.ollama import schema
from ossia.server.ollama.events import Lines, bare, whole
from ossia.server.ollama.translate import translate_chat, translate_generate
from ossia.server.recall import Recall

TOOL = {
    "type": "function",
    "function": {
        "name": "add up",  # which harmony has no way to write
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"a": {"enum": [27]}, "b": {"enum": [58]}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture(scope="module")
def nano() -> Iterator[ChatModel]:
    with ChatModel.load("nano") as model:
        yield model


def chat(model: ChatModel, **fields: Any) -> tuple[Lines, dict[str, Any]]:
    body = {
        "model": "nano",
        "messages": [{"role": "user", "content": "What is 27 + 58?"}],
        "options": {"temperature": 0, "num_predict": 400},
    }
    request = schema.ChatRequest.model_validate({**body, **fields})
    translation = translate_chat(request, "2026-01-01", Transcript(), Recall())
    return run(model, Lines("nano", translation.names, is_chat=True), translation)


def run(model: ChatModel, writer: Lines, translation: Any) -> tuple[Lines, dict[str, Any]]:
    asked = translation.asked
    events = list(model.respond(asked.messages, asked.settings, asked.demands))
    assert isinstance(events[-1], Done)
    lines = [line for event in events for line in writer.take(event)]
    check_lines(lines)
    answer = whole(lines)
    check_end(answer)
    return writer, answer


def test_an_answer_with_its_thinking(nano: ChatModel) -> None:
    writer, answer = chat(nano)
    message = answer["message"]
    assert message["content"] == writer.text == "27 + 58 = 85"
    assert message["thinking"] == writer.reasoning
    assert "answer 85" in message["thinking"]
    assert answer["done_reason"] == "stop"


def test_an_answer_without_thinking(nano: ChatModel) -> None:
    _, answer = chat(nano, think=False)
    assert "thinking" not in answer["message"]


def test_a_call_is_one_whole_line(nano: ChatModel) -> None:
    writer, answer = chat(nano, tools=[TOOL], tool_choice="required")
    (call,) = answer["message"]["tool_calls"]
    assert call["function"] == {"index": 0, "name": "add up", "arguments": {"a": 27, "b": 58}}
    assert writer.calls == [call["id"]]
    assert answer["done_reason"] == "stop"


def test_a_call_that_is_cut_off_is_left_out(nano: ChatModel) -> None:
    fields = {"tools": [TOOL], "tool_choice": "required", "think": False}
    num_whole = chat(nano, **fields)[1]["eval_count"]
    _, answer = chat(nano, **fields, options={"num_predict": num_whole - 3, "temperature": 0})
    assert "tool_calls" not in answer["message"]
    assert answer["done_reason"] == "length"


def test_generate_is_bare_text(nano: ChatModel) -> None:
    request = schema.GenerateRequest(
        model="nano", prompt="What is 27 + 58?", options=schema.Options(temperature=0)
    )
    translation = translate_generate(request, None, Transcript())
    writer = Lines("nano", translation.names, is_chat=False, load_seconds=2.0)
    _, answer = run(nano, writer, translation)
    assert answer["response"] == "27 + 58 = 85"
    assert "answer 85" in answer["thinking"]
    assert answer["load_duration"] == 2_000_000_000


def test_log_probabilities(nano: ChatModel) -> None:
    _, answer = chat(nano, logprobs=True, top_logprobs=2)
    tokens = answer["logprobs"]
    assert "".join(token["token"] for token in tokens) == "27 + 58 = 85"
    assert all(len(token["top_logprobs"]) == 2 for token in tokens)


def test_no_chance_at_all_is_a_number_that_json_has() -> None:
    writer = Lines("m", ToolNames(()), is_chat=True)
    (line,) = writer.take(Text("x", (ScoredToken(b"x", float("-inf")),)))
    assert line["logprobs"][0]["logprob"] == -9999.0


def test_a_cut_is_told(nano: ChatModel) -> None:
    assert chat(nano, options={"num_predict": 3})[1]["done_reason"] == "length"


def test_an_answer_to_nothing() -> None:
    assert bare("m", "load", is_chat=True)["message"] == {"role": "assistant", "content": ""}
    assert bare("m", "unload", is_chat=False)["done_reason"] == "unload"
