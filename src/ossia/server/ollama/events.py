"""From chat events to the lines of Ollama's streams, and from those to a whole answer.

Knows Ollama's words; knows no HTTP. What is not streamed is what a stream adds up to.
"""

import json
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ossia.chat import Citation, Done, Event, Reason, Reasoning, ScoredToken, Text, ToolCall
from ossia.harmony import ToolNames

_Wire = dict[str, Any]

_CUT = {Reason.LENGTH, Reason.DEADLINE, Reason.CLOSED}

_LEAST_LOGPROB = -9999.0
"""Stands for a probability of zero, whose logarithm JSON cannot say."""


def nanoseconds(seconds: float) -> int:
    """A duration as Ollama tells it."""
    return round(seconds * 1e9)


def now() -> str:
    """The time, as RFC 3339 writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass
class Lines:
    """One answer on its way out, of ``/api/chat`` or ``/api/generate``.

    Attributes:
        model: the name that the client asked for.
        is_chat: whether it is a message, or bare text.
        load_seconds: what loading the model took before.
        calls: ids of the tools' calls so far.
        reasoning: all of it so far.
        text: what was said to the user so far.
    """

    model: str
    names: ToolNames
    is_chat: bool
    load_seconds: float = 0.0
    calls: list[str] = field(default_factory=list)
    reasoning: str = ""
    text: str = ""
    _call: tuple[str, list[str]] | None = None  # under way: its recipient, its arguments
    _start: float = field(default_factory=time.perf_counter)

    def take(self, event: Event) -> Iterator[_Wire]:
        """The lines that one more event becomes; ``Failed`` is not among them."""
        match event:
            case Reasoning(text):
                yield from self._end_call()
                self.reasoning += text
                if text:
                    yield self._line(thinking=text)
            case Text(text) | Citation(text):
                yield from self._end_call()
                self.text += text
                if text:
                    scored = {"logprobs": [*map(_scored, event.tokens)]} if event.tokens else {}
                    yield self._line(text) | scored
            case ToolCall(recipient, text):
                if not text:  # a call's first piece is, and no other
                    yield from self._end_call()
                    self._call = (recipient, [])
                elif self._call is not None:
                    self._call[1].append(text)
            case Done():
                yield from self._end_call()
                yield self._last(event)

    def _end_call(self) -> Iterator[_Wire]:
        """The call that was under way, whole: one that was cut off nobody could run."""
        call, self._call = self._call, None
        if call is None:
            return
        try:
            arguments = json.loads("".join(call[1]) or "{}")
        except (ValueError, RecursionError):
            return
        if not isinstance(arguments, dict):
            return
        call_id = f"call_{secrets.token_hex(12)}"
        index = len(self.calls)
        self.calls.append(call_id)
        function = {"index": index, "name": self.names.outside(call[0]), "arguments": arguments}
        yield self._line(tool_calls=[{"id": call_id, "function": function}])

    def _line(self, text: str = "", *, done: bool = False, **more: Any) -> _Wire:
        line: _Wire = {"model": self.model, "created_at": now()}
        if self.is_chat:
            line["message"] = {"role": "assistant", "content": text, **more}
        else:
            line |= {"response": text, **more}
        return line | {"done": done}

    def _last(self, done: Done) -> _Wire:
        usage, timings = done.usage, done.timings
        return self._line(done=True) | {
            "done_reason": "length" if done.reason in _CUT else "stop",
            "total_duration": nanoseconds(self.load_seconds + time.perf_counter() - self._start),
            "load_duration": nanoseconds(self.load_seconds),
            "prompt_eval_count": usage.prompt_tokens,
            "prompt_eval_cached_count": usage.cached_tokens,
            "prompt_eval_duration": nanoseconds(timings.prefill_seconds),
            "eval_count": usage.completion_tokens,
            "eval_duration": nanoseconds(timings.decode_seconds),
            "ossia": {
                "reason": str(done.reason),
                "seed": done.seed,
                "repairs": [str(repair) for repair in done.repairs],
                "loops": done.num_loops,
            },
        }


def bare(model: str, reason: str, *, is_chat: bool) -> _Wire:
    """The answer to a request that asks nothing, but to load or unload a model."""
    said: _Wire = {"message": {"role": "assistant", "content": ""}} if is_chat else {"response": ""}
    return {"model": model, "created_at": now(), **said, "done": True, "done_reason": reason}


def whole(lines: Iterable[_Wire]) -> _Wire:
    """The answer that a stream's lines add up to."""
    lines = list(lines)
    answer = dict(lines[-1])
    is_chat = "message" in answer
    said = [line["message"] if is_chat else line for line in lines]
    content = "content" if is_chat else "response"
    parts: _Wire = {content: "".join(part[content] for part in said)}
    if thinking := "".join(part.get("thinking", "") for part in said):
        parts["thinking"] = thinking
    if calls := [call for part in said for call in part.get("tool_calls", ())]:
        parts["tool_calls"] = calls
    if is_chat:
        answer["message"] = answer["message"] | parts
    else:
        answer |= parts
    scored = [token for line in lines for token in line.get("logprobs", ())]
    return answer | ({"logprobs": scored} if scored else {})


def _scored(token: ScoredToken) -> _Wire:
    top = [_token(spelling, logprob) for spelling, logprob in token.top]
    return _token(token.spelling, token.logprob) | {"top_logprobs": top}


def _token(spelling: bytes, logprob: float) -> _Wire:
    text = spelling.decode("utf-8", errors="replace")
    return {"token": text, "logprob": max(logprob, _LEAST_LOGPROB), "bytes": list(spelling)}
