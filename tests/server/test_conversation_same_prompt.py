"""The same conversation is the same prompt, token by token, whatever dialect it comes in.

The conversation has all that dialects spell differently: instructions, a tool whose name harmony
cannot carry, reasoning, a preamble, two calls of one function with results in the other order, an
answer whose reasoning is dropped, and a question after it.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ossia import hub
from ossia.agent import Transcript
from ossia.checkpoint import open_checkpoint
from ossia.harmony import Message, render
from ossia.server.anthropic.schema import CountRequest
from ossia.server.anthropic.translate import translate as translate_messages
from ossia.server.chat_completions.schema import ChatCompletionRequest
from ossia.server.chat_completions.translate import translate as translate_completions
from ossia.server.ollama.schema import ChatRequest
from ossia.server.ollama.translate import translate_chat
from ossia.server.recall import Recall
from ossia.tokenizer import load_tokenizer

TODAY = "2026-01-01"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where."}},
    "required": ["city"],
}
TOOL = {"name": "web.weather", "description": "The weather.", "parameters": SCHEMA}
SYSTEM, QUESTION, AGAIN = "Be brief.", "Warmer in Rom or in Köln?", "Why?"
THOUGHT, PREAMBLE, ANSWER = "I need both.", "Let me look.", "In Rom."
CALLS = [("call_1", '{"city":"Rom"}'), ("call_2", '{"city":"Köln"}')]
RESULTS = {"call_2": "9 °C", "call_1": "21 °C"}
LATE_THOUGHT, LATE_CALL = "Look again.", ("call_3", '{"city":"Rom"}')


def chat_completions() -> tuple[Message, ...]:
    def calls(*made: tuple[str, str]) -> list[dict[str, Any]]:
        named = [(call_id, {"name": "web.weather", "arguments": text}) for call_id, text in made]
        return [{"id": i, "type": "function", "function": function} for i, function in named]

    results = [{"role": "tool", "tool_call_id": i, "content": text} for i, text in RESULTS.items()]
    said = {"role": "assistant", "content": PREAMBLE, "reasoning_content": THOUGHT}
    later = {"role": "assistant", "content": None, "reasoning": LATE_THOUGHT}
    request = {
        "model": "nano",
        "reasoning_effort": "high",
        "tools": [{"type": "function", "function": TOOL}],
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
            said | {"tool_calls": calls(*CALLS)},
            *results,
            {"role": "assistant", "content": ANSWER},
            {"role": "user", "content": AGAIN},
            later | {"tool_calls": calls(LATE_CALL)},
            {"role": "tool", "tool_call_id": LATE_CALL[0], "content": "22 °C"},
        ],
    }
    asked = ChatCompletionRequest.model_validate(request)
    return translate_completions(asked, TODAY, Transcript(), Recall()).asked.messages


def ollama() -> tuple[Message, ...]:
    def calls(*made: tuple[str, str]) -> list[dict[str, Any]]:
        named = [(i, {"name": "web.weather", "arguments": json.loads(text)}) for i, text in made]
        return [{"id": call_id, "function": function} for call_id, function in named]

    results = [{"role": "tool", "tool_call_id": i, "content": text} for i, text in RESULTS.items()]
    said = {"role": "assistant", "content": PREAMBLE, "thinking": THOUGHT}
    later = {"role": "assistant", "content": "", "thinking": LATE_THOUGHT}
    request = {
        "model": "nano",
        "think": "high",
        "tools": [{"type": "function", "function": TOOL}],
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": QUESTION},
            said | {"tool_calls": calls(*CALLS)},
            *results,
            {"role": "assistant", "content": ANSWER},
            {"role": "user", "content": AGAIN},
            later | {"tool_calls": calls(LATE_CALL)},
            {"role": "tool", "tool_call_id": LATE_CALL[0], "content": "22 °C"},
        ],
    }
    asked = ChatRequest.model_validate(request)
    return translate_chat(asked, TODAY, Transcript(), Recall()).asked.messages


def anthropic() -> tuple[Message, ...]:
    def call(call_id: str, text: str) -> dict[str, Any]:
        return {
            "type": "tool_use",
            "id": call_id,
            "name": "web.weather",
            "input": json.loads(text),
        }

    def thinking(text: str) -> dict[str, Any]:
        return {"type": "thinking", "thinking": text, "signature": ""}

    def result(call_id: str, text: str) -> dict[str, Any]:
        return {"type": "tool_result", "tool_use_id": call_id, "content": text}

    first = [thinking(THOUGHT), {"type": "text", "text": PREAMBLE}, *(call(*c) for c in CALLS)]
    request = {
        "model": "nano",
        "output_config": {"effort": "high"},
        "system": SYSTEM,
        "tools": [{"name": TOOL["name"], "description": "The weather.", "input_schema": SCHEMA}],
        "messages": [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": first},
            {"role": "user", "content": [result(*each) for each in RESULTS.items()]},
            {"role": "assistant", "content": ANSWER},
            {"role": "user", "content": AGAIN},
            {"role": "assistant", "content": [thinking(LATE_THOUGHT), call(*LATE_CALL)]},
            {"role": "user", "content": [result(LATE_CALL[0], "22 °C")]},
        ],
    }
    asked = CountRequest.model_validate(request)
    return translate_messages(asked, TODAY, Transcript(), Recall()).asked.messages


@pytest.mark.parametrize("dialect", [ollama, anthropic])
def test_every_dialect_gives_the_same_ids(dialect: Callable[[], tuple[Message, ...]]) -> None:
    tokenizer = load_tokenizer(json=open_checkpoint(hub.resolve("nano")).tokenizer.json)
    expected = render(chat_completions(), tokenizer)
    assert render(dialect(), tokenizer) == expected
    text = tokenizer.decode(expected)
    assert text.count(LATE_THOUGHT) == text.count(PREAMBLE) == 1
    assert THOUGHT not in text
    assert text.index("21 °C") < text.index('Köln"}') < text.index("9 °C")
