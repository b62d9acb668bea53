"""Chat events to Chat Completions' objects: chunks of a stream, or the whole. Pure.

A whole answer is put together from the very pieces that a stream would have sent, so the two say
the same. Source: OpenAI's API reference, the chat completion object and the chunk object. Beside
its fields there are reasoning, under the two names in use, and ``ossia``.
"""

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ossia.chat import (
    Citation,
    Done,
    Event,
    Reason,
    Reasoning,
    ScoredToken,
    Text,
    ToolCall,
    Usage,
)
from ossia.harmony import ToolNames
from ossia.server.sampling import sayable

_FINISH = {
    Reason.STOP: "stop",
    Reason.STOP_STRING: "stop",
    Reason.TOOL_CALL: "tool_calls",
    Reason.LENGTH: "length",
    Reason.DEADLINE: "length",
    Reason.CLOSED: "length",
}

_Json = dict[str, Any]


@dataclass(frozen=True)
class Head:
    """What every object of one answer begins with."""

    model: str
    fingerprint: str
    warnings: tuple[str, ...] = ()
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def to_json(self, kind: str) -> _Json:
        """The fields that stay the same."""
        head = {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            "service_tier": "default",
        }
        return head | ({"ossia": {"warnings": list(self.warnings)}} if self.warnings else {})


def chunk(head: Head, choices: Sequence[_Json], usage: _Json | None, *, has_usage: bool) -> _Json:
    """One object of a stream; where usage was asked for, all but the last have null there."""
    told = {"usage": usage} if has_usage else {}
    return head.to_json("chat.completion.chunk") | {"choices": list(choices)} | told


def completion(head: Head, choices: Iterable["Choice"]) -> _Json:
    """The answer as one object."""
    choices = list(choices)
    whole = {"choices": [choice.whole() for choice in choices], "usage": usage_of(choices)}
    return head.to_json("chat.completion") | whole


def usage_of(choices: Iterable["Choice"]) -> _Json:
    """Tokens of all choices; their common prompt counts once."""
    used = [choice.usage for choice in choices if choice.usage is not None]
    prompt = max((usage.prompt_tokens for usage in used), default=0)
    made = sum(usage.completion_tokens for usage in used)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": made,
        "total_tokens": prompt + made,
        "prompt_tokens_details": {
            "cached_tokens": min((usage.cached_tokens for usage in used), default=0)
        },
        "completion_tokens_details": {
            "reasoning_tokens": sum(usage.reasoning_tokens for usage in used)
        },
    }


@dataclass
class _Call:
    """A call under way."""

    id: str
    name: str
    arguments: list[str] = field(default_factory=list)

    def to_json(self) -> _Json:
        """The call as it is so far."""
        function = {"name": self.name, "arguments": "".join(self.arguments)}
        return {"id": self.id, "type": "function", "function": function}


class Choice:
    """One answer of those that were asked for, from its events.

    Attributes:
        usage: once it is complete.
    """

    def __init__(self, index: int, names: ToolNames, *, has_logprobs: bool) -> None:
        self._index, self._names = index, names
        self._has_logprobs = has_logprobs
        self._reasoning: list[str] = []
        self._content: list[str] = []
        self._annotations: list[_Json] = []
        self._tokens: list[_Json] = []
        self._calls: list[_Call] = []
        self._finish_reason: str | None = None
        self._ossia: _Json = {}
        self.usage: Usage | None = None

    def begin(self) -> _Json:
        """The piece that comes before any event."""
        return self._piece({"role": "assistant", "content": ""})

    def take(self, event: Event) -> _Json | None:
        """What one event adds, as a stream says it; None where that is nothing."""
        match event:
            case Reasoning(text):
                self._reasoning.append(text)
                return self._piece({"reasoning": text, "reasoning_content": text})
            case Text(text) | Citation(text):
                told = self._cite(event) if isinstance(event, Citation) and event.url else {}
                self._content.append(text)
                return self._piece({"content": text, **told}, event.tokens)
            case ToolCall(recipient, text):
                return self._piece({"tool_calls": [self._call(recipient, text)]})
            case Done():
                return self._end(event)
        return None

    def reasons(self) -> Iterable[tuple[str, str]]:
        """The ids of its calls, with the reasoning that led to them."""
        return ((call.id, "".join(self._reasoning)) for call in self._calls)

    def whole(self) -> _Json:
        """The choice as one object."""
        content = "".join(self._content)
        message: _Json = {
            "role": "assistant",
            "content": content if content or not self._calls else None,
            "refusal": None,
        }
        if reasoning := "".join(self._reasoning):
            message |= {"reasoning": reasoning, "reasoning_content": reasoning}
        if self._annotations:
            message["annotations"] = self._annotations
        if self._calls:
            message["tool_calls"] = [call.to_json() for call in self._calls]
        return {
            "index": self._index,
            "message": message,
            "logprobs": self._logprobs(self._tokens),
            "finish_reason": self._finish_reason,
            "ossia": self._ossia,
        }

    def _cite(self, citation: Citation) -> _Json:
        """The annotation of a citation, whose text comes behind what was said so far."""
        start = sum(map(len, self._content))
        told = {
            "start_index": start,
            "end_index": start + len(citation.text),
            "url": citation.url,
            "title": citation.title,
        }
        self._annotations.append({"type": "url_citation", "url_citation": told})
        return {"annotations": self._annotations[-1:]}

    def _call(self, recipient: str, text: str) -> _Json:
        """A piece of a call; a call's first piece is empty, and no other is."""
        if not text:
            made = _Call(f"call_{secrets.token_hex(12)}", self._names.outside(recipient))
            self._calls.append(made)
            return {"index": len(self._calls) - 1, **made.to_json()}
        self._calls[-1].arguments.append(text)
        return {"index": len(self._calls) - 1, "function": {"arguments": text}}

    def _end(self, done: Done) -> _Json:
        self.usage = done.usage
        self._finish_reason = _FINISH[done.reason]
        self._ossia = {
            "reason": str(done.reason),
            "seed": done.seed,
            "repairs": [str(repair) for repair in done.repairs],
            "loops": done.num_loops,
        }
        return self._piece({}) | {"ossia": self._ossia}

    def _piece(self, delta: _Json, tokens: Sequence[ScoredToken] = ()) -> _Json:
        scored = [_scored(token) for token in tokens]
        self._tokens += scored
        return {
            "index": self._index,
            "delta": delta,
            "logprobs": self._logprobs(scored) if scored else None,
            "finish_reason": self._finish_reason,
        }

    def _logprobs(self, tokens: list[_Json]) -> _Json | None:
        return {"content": tokens, "refusal": None} if self._has_logprobs else None


def _scored(token: ScoredToken) -> _Json:
    top = [_token(spelling, logprob) for spelling, logprob in token.top]
    return _token(token.spelling, token.logprob) | {"top_logprobs": top}


def _token(spelling: bytes, logprob: float) -> _Json:
    text = spelling.decode("utf-8", errors="replace")
    return {"token": text, "logprob": sayable(logprob), "bytes": list(spelling)}
