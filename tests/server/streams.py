"""Checkers of streams: what holds for every stream of a dialect, whatever was asked."""

from collections.abc import Sequence
from typing import Any

from openai.types.chat import ChatCompletionChunk

Json = dict[str, Any]

# ------------------------------------------------------------------ Chat Completions


def check_chunks(chunks: Sequence[Json], *, has_usage: bool = False) -> list[Json]:
    """Checks a whole stream of chunks, and gives its choices as messages put together."""
    assert chunks
    heads = [{k: c[k] for k in ("id", "object", "created", "model")} for c in chunks]
    assert all(head == heads[0] for head in heads)
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    if has_usage:
        *chunks, last = chunks
        assert last["choices"] == []
        usage = last["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert all(chunk["usage"] is None for chunk in chunks)
    else:
        assert all("usage" not in chunk for chunk in chunks)
    assert all(len(chunk["choices"]) == 1 for chunk in chunks)
    pieces = [chunk["choices"][0] for chunk in chunks]
    indexes = sorted({piece["index"] for piece in pieces})
    assert indexes == list(range(len(indexes)))
    return [_check_choice([p for p in pieces if p["index"] == index]) for index in indexes]


def _check_choice(pieces: Sequence[Json]) -> Json:
    """One choice: a beginning, pieces, an end, and each call as its own run of pieces."""
    first, *middle, last = pieces
    assert first["delta"] == {"role": "assistant", "content": ""}
    assert last["delta"] == {}
    assert last["finish_reason"] in ("stop", "length", "tool_calls")
    assert all(piece["finish_reason"] is None for piece in pieces[:-1])
    message: Json = {"content": "", "reasoning": "", "tool_calls": [], "tokens": []}
    for piece in middle:
        delta = piece["delta"]
        assert "role" not in delta
        if "content" in delta:
            assert delta.keys() == {"content"}
            assert delta["content"]
            message["content"] += delta["content"]
        elif "tool_calls" in delta:
            assert delta.keys() == {"tool_calls"}
            _check_call(delta["tool_calls"], message["tool_calls"])
        else:
            assert delta.keys() == {"reasoning", "reasoning_content"}
            assert delta["reasoning"] == delta["reasoning_content"] != ""
            message["reasoning"] += delta["reasoning"]
        if piece["logprobs"]:
            assert "content" in delta
            message["tokens"] += piece["logprobs"]["content"]
    message["finish_reason"] = last["finish_reason"]
    assert (last["finish_reason"] == "tool_calls") <= bool(message["tool_calls"])
    return message


def _check_call(parts: Sequence[Json], calls: list[Json]) -> None:
    """A call's first piece names it; pieces of another call never come between its own."""
    [part] = parts
    if part["index"] == len(calls):
        assert part["type"] == "function"
        assert part["id"] not in [call["id"] for call in calls]
        assert part["function"]["name"]
        assert part["function"]["arguments"] == ""
        calls.append({"id": part["id"], **part["function"]})
        return
    assert part["index"] == len(calls) - 1
    assert part.keys() == {"index", "function"}
    assert part["function"].keys() == {"arguments"}
    assert part["function"]["arguments"]
    calls[-1]["arguments"] += part["function"]["arguments"]
