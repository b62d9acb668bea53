"""From chat events to the events of a message's stream, and from those to a whole message.

Knows Anthropic's event order; knows no HTTP. What is not streamed is what a stream adds up to.
"""

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ossia.chat import (
    Citation,
    Done,
    Event,
    Prefill,
    Reason,
    Reasoning,
    Text,
    ToolCall,
    Usage,
)
from ossia.server.anthropic.signature import signature_of
from ossia.server.anthropic.translate import Display, Translation

_Wire = dict[str, Any]

SILENT_PIECES = 64
"""Pieces of reasoning that the client does not see, and after which it hears a ping instead."""

_STOP_REASONS = {
    Reason.STOP: "end_turn",
    Reason.TOOL_CALL: "tool_use",
    Reason.STOP_STRING: "stop_sequence",
}


@dataclass
class MessageEvents:
    """One message on its way out, in blocks: each begins, goes on and ends before the next.

    Attributes:
        model: the name that the client asked for.
        num_prompt: tokens of the prompt, told before the model has read it.
        calls: ids of the tools' calls so far.
        reasoning: all of it so far, shown or not.
    """

    model: str
    translation: Translation
    num_prompt: int
    calls: list[str] = field(default_factory=list)
    reasoning: str = ""
    _index: int = -1
    _kind: str | None = None  # of the open block
    _num_silent: int = 0  # pieces of reasoning that the client did not see
    _signed: int = 0  # characters of the reasoning that a signature stands for

    def start(self) -> _Wire:
        """The event that comes first."""
        usage = _usage(Usage(self.num_prompt, 0, 0))
        message: _Wire = {
            "id": f"msg_{secrets.token_hex(12)}",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        return {"type": "message_start", "message": message}

    def take(self, event: Event) -> Iterator[_Wire]:
        """The events that one more of the model's becomes; ``Failed`` is not among them."""
        match event:
            case Prefill():
                yield {"type": "ping"}
            case Reasoning(text):
                yield from self._think(text)
            case Text(text) | Citation(text):
                if text:
                    yield from self._begin("text", {"type": "text", "text": ""})
                    yield self._delta({"type": "text_delta", "text": text})
                if isinstance(event, Citation) and event.url:
                    yield self._delta({"type": "citations_delta", "citation": _cited(event)})
            case ToolCall(recipient, text):
                yield from self._call(recipient, text)
            case Done():
                yield from self._end()
                yield self._message_delta(event)
                yield {"type": "message_stop"}

    def _think(self, text: str) -> Iterator[_Wire]:
        self.reasoning += text
        display = self.translation.display
        if display is not Display.SHOWN:
            self._num_silent += 1
            if self._num_silent % SILENT_PIECES == 0:
                yield {"type": "ping"}
        if display is Display.HIDDEN:
            return
        block = {"type": "thinking", "thinking": "", "signature": ""}
        yield from self._begin("thinking", block)
        if display is Display.SHOWN and text:
            yield self._delta({"type": "thinking_delta", "thinking": text})

    def _call(self, recipient: str, text: str) -> Iterator[_Wire]:
        if not text:  # a call's first piece is, and no other
            call_id = f"toolu_{secrets.token_hex(12)}"
            self.calls.append(call_id)
            name = self.translation.names.outside(recipient)
            block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
            yield from self._end()
            yield from self._begin("tool_use", block)
        else:
            yield self._delta({"type": "input_json_delta", "partial_json": text})

    def _begin(self, kind: str, block: _Wire) -> Iterator[_Wire]:
        if self._kind == kind:
            return
        yield from self._end()
        self._kind = kind
        self._index += 1
        yield {"type": "content_block_start", "index": self._index, "content_block": block}

    def _end(self) -> Iterator[_Wire]:
        """Ends the open block, if there is one."""
        if self._kind is None:
            return
        if self._kind == "thinking":
            is_shown = self.translation.display is Display.SHOWN
            signature = signature_of(self.reasoning[self._signed :], is_shown=is_shown)
            yield self._delta({"type": "signature_delta", "signature": signature})
            self._signed = len(self.reasoning)
        yield {"type": "content_block_stop", "index": self._index}
        self._kind = None

    def _delta(self, delta: _Wire) -> _Wire:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _message_delta(self, done: Done) -> _Wire:
        max_tokens = self.translation.asked.settings.max_tokens
        is_whole = max_tokens is None or done.usage.completion_tokens < max_tokens
        is_full = done.reason is Reason.LENGTH and is_whole
        cut = "model_context_window_exceeded" if is_full else "max_tokens"
        delta = {
            "stop_reason": _STOP_REASONS.get(done.reason, cut),
            "stop_sequence": done.stop_string,
        }
        told = {
            "reason": str(done.reason),
            "seed": done.seed,
            "repairs": [str(repair) for repair in done.repairs],
            "loops": done.num_loops,
            "warnings": list(self.translation.warnings),
        }
        return {
            "type": "message_delta",
            "delta": delta,
            "usage": _usage(done.usage),
            "ossia": told,
        }


def whole(events: Iterable[_Wire]) -> _Wire:
    """The message that a stream's events add up to.

    A call that was cut off in the middle of its arguments is left out, for nobody could run it.
    """
    message: _Wire = {}
    parts: list[str] = []
    for event in events:
        match event:
            case {"type": "message_start", "message": begun}:
                message = {**begun, "content": []}
            case {"type": "content_block_start", "content_block": block}:
                message["content"].append(dict(block))
                parts = []
            case {"type": "content_block_delta", "delta": delta}:
                _add(message["content"][-1], delta, parts)
            case {"type": "content_block_stop"}:
                block = message["content"][-1]
                if block["type"] == "tool_use" and not _read_input(block, "".join(parts)):
                    message["content"].pop()
            case {"type": "message_delta", "delta": delta, "usage": usage, "ossia": told}:
                message |= {**delta, "usage": usage, "ossia": told}
    return message


def _add(block: _Wire, delta: _Wire, parts: list[str]) -> None:
    if "citation" in delta:
        block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
    for key in ("text", "thinking", "signature"):
        if key in delta:
            block[key] += delta[key]
    if "partial_json" in delta:
        parts.append(delta["partial_json"])


def _cited(citation: Citation) -> _Wire:
    """Where a block has something from; the text itself has the mark, which names the lines."""
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.quote,
        "encrypted_index": f"{citation.cursor}:{citation.first_line}-{citation.last_line}",
    }


def _read_input(block: _Wire, text: str) -> bool:
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return False
    block["input"] = arguments
    return isinstance(arguments, dict)


def _usage(usage: Usage) -> _Wire:
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }
