"""What always holds of the lines of an answer's stream, whatever is in it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ollama import ChatResponse, GenerateResponse

_FIGURES = (
    *("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration"),
    *("eval_count", "eval_duration"),
)


def check_lines(lines: Sequence[dict[str, Any]]) -> None:
    """Checks the lines of a whole stream."""
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert len({line["model"] for line in lines}) == 1
    assert len({"message" in line for line in lines}) == 1
    for line in lines:
        _check_line(line)
    for line in lines[:-1]:
        said = _said(line)
        assert any(said.get(key) for key in ("content", "response", "thinking", "tool_calls"))
        assert not any(figure in line for figure in (*_FIGURES, "done_reason"))
    assert not any(_said(lines[-1]).get(key) for key in ("content", "response", "thinking"))
    check_end(lines[-1])
    calls = [call for line in lines for call in _said(line).get("tool_calls", ())]
    assert [call["function"]["index"] for call in calls] == list(range(len(calls)))
    assert len({call["id"] for call in calls}) == len(calls)


def check_end(answer: dict[str, Any]) -> None:
    """Checks a stream's last line, or a whole answer."""
    _check_line(answer)
    assert answer["done"] is True
    assert answer["done_reason"] in ("stop", "length")
    for figure in _FIGURES:
        assert isinstance(answer[figure], int), figure
        assert answer[figure] >= 0, figure
    assert answer["total_duration"] >= answer["load_duration"]


def _check_line(line: dict[str, Any]) -> None:
    (ChatResponse if "message" in line else GenerateResponse).model_validate(line, strict=True)
    assert datetime.fromisoformat(line["created_at"]).tzinfo is not None
    assert line.get("message", {}).get("role", "assistant") == "assistant"


def _said(line: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = line.get("message", line)
    return said
