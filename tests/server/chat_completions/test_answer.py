"""Events to chunks and to a whole, which OpenAI's own types take and which say the same."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, strategies
from openai.types.chat import ChatCompletion
from tests.server.streams import check_chunks

from ossia.chat import (
    Citation,
    Done,
    Event,
    Prefill,
    Reason,
    Reasoning,
    ScoredToken,
    Text,
    Timings,
    ToolCall,
    Usage,
)
from ossia.harmony import Repair, ToolNames
from ossia.server.chat_completions.answer import Choice, Head, chunk, completion, usage_of

HEAD = Head("nano", "ossia-test", ("tools[0]: no",))


def done(reason: Reason, *repairs: str) -> Done:
    return Done(reason, Usage(10, 7, 3, 4), Timings(0.1, 0.2), repairs, (), seed=5, num_loops=1)


def answered(
    *answers: Sequence[Event], has_logprobs: bool = False
) -> tuple[dict[str, Any], list[dict[str, Any]], list[Choice]]:
    """The whole answer, its stream's choices put together, and the choices."""
    names = ToolNames(["web.find"])
    choices = [Choice(i, names, has_logprobs=has_logprobs) for i in range(len(answers))]
    pieces = [choice.begin() for choice in choices]
    for choice, events in zip(choices, answers, strict=True):
        pieces += [piece for event in events if (piece := choice.take(event))]
    chunks = [chunk(HEAD, [piece], None, has_usage=True) for piece in pieces]
    chunks.append(chunk(HEAD, [], usage_of(choices), has_usage=True))
    whole = completion(HEAD, choices)
    ChatCompletion.model_validate(whole, strict=True)
    return whole, check_chunks(chunks, has_usage=True), choices


def test_reasoning_and_text() -> None:
    events = [
        Prefill(1, 2),
        Reasoning("So "),
        Reasoning("it is."),
        Text("See "),
        Citation("【3†L12】", 3, 12, 12),
        done(Reason.STOP, Repair.MISSING_END),
    ]
    whole, [streamed], _ = answered(events)
    [choice] = whole["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": "See 【3†L12】",
        "refusal": None,
        "reasoning": "So it is.",
        "reasoning_content": "So it is.",
    }
    assert (streamed["content"], streamed["reasoning"]) == ("See 【3†L12】", "So it is.")
    assert choice["finish_reason"] == "stop"
    assert choice["logprobs"] is None
    assert choice["ossia"] == {"reason": "stop", "seed": 5, "repairs": ["missing_end"], "loops": 1}
    assert whole["ossia"] == {"warnings": ["tools[0]: no"]}
    assert whole["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 7,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }


def test_a_call_has_the_name_that_the_client_knows_and_its_reasoning() -> None:
    events = [
        Reasoning("Look."),
        ToolCall("functions.web_find", ""),
        ToolCall("functions.web_find", '{"a"'),
        ToolCall("functions.web_find", ":1}"),
        done(Reason.TOOL_CALL),
    ]
    whole, [streamed], [choice] = answered(events)
    message = whole["choices"][0]["message"]
    assert message["content"] is None
    [call] = message["tool_calls"]
    assert call["function"] == {"name": "web.find", "arguments": '{"a":1}'}
    assert streamed["tool_calls"] == [{"id": call["id"], **call["function"]}]
    assert streamed["finish_reason"] == "tool_calls"
    assert list(choice.reasons()) == [(call["id"], "Look.")]


def test_calls_without_arguments_and_after_one_another() -> None:
    events = [
        ToolCall("functions.a", ""),
        ToolCall("functions.b", ""),
        ToolCall("functions.b", "{}"),
        done(Reason.TOOL_CALL),
    ]
    _, [streamed], _ = answered(events)
    assert [(c["name"], c["arguments"]) for c in streamed["tool_calls"]] == [("a", ""), ("b", "{}")]


def test_probabilities_have_bytes_and_never_infinity() -> None:
    half = ScoredToken(b"\xe2\x82", -0.5, ((b"\xe2\x82", -0.5), (b"x", float("-inf"))))
    events = [Text("€", (half, ScoredToken(b"\xac", -0.1))), done(Reason.LENGTH)]
    whole, [streamed], _ = answered(events, has_logprobs=True)
    first, second = whole["choices"][0]["logprobs"]["content"]
    assert first["bytes"] == [0xE2, 0x82]
    assert first["top_logprobs"][1] == {"token": "x", "logprob": -9999.0, "bytes": [120]}
    assert second["top_logprobs"] == []
    assert streamed["tokens"] == [first, second]
    assert streamed["finish_reason"] == "length"


def test_several_choices_share_their_prompt() -> None:
    whole, streamed, _ = answered([Text("a"), done(Reason.STOP)], [Text("b"), done(Reason.STOP)])
    assert [choice["message"]["content"] for choice in whole["choices"]] == ["a", "b"]
    assert [choice["content"] for choice in streamed] == ["a", "b"]
    assert (whole["usage"]["prompt_tokens"], whole["usage"]["completion_tokens"]) == (10, 14)


PIECES = strategies.one_of(
    strategies.builds(Reasoning, strategies.text(min_size=1)),
    strategies.builds(Text, strategies.text(min_size=1)),
    strategies.just(Prefill(1, 2)),
)
ARGUMENTS = strategies.lists(strategies.text(min_size=1), max_size=3)


@given(strategies.lists(PIECES), strategies.lists(ARGUMENTS, max_size=3), strategies.booleans())
def test_any_answer_is_the_same_in_both_forms(pieces, calls, has_logprobs) -> None:
    made = [[ToolCall("functions.a", text) for text in ("", *arguments)] for arguments in calls]
    events = [*pieces, *(piece for call in made for piece in call)]
    events.append(done(Reason.TOOL_CALL if calls else Reason.STOP))
    whole, [streamed], _ = answered(events, has_logprobs=has_logprobs)
    message = whole["choices"][0]["message"]
    assert (message["content"] or "") == streamed["content"]
    assert message.get("reasoning", "") == streamed["reasoning"]
    told = [(c["function"]["arguments"], c["id"]) for c in message.get("tool_calls", [])]
    assert told == [(c["arguments"], c["id"]) for c in streamed["tool_calls"]]


def test_every_reason_has_its_word() -> None:
    for reason in Reason:
        whole, _, _ = answered([ToolCall("functions.a", ""), done(reason)])
        assert whole["choices"][0]["ossia"]["reason"] == reason
