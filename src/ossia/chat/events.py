"""The waist: every face of ossia consumes one stream of these events.

Text arrives in pieces as it is made; ``Done`` or ``Failed`` comes once, last.
"""

from dataclasses import asdict, dataclass
from typing import Any

from ossia.base.errors import OssiaError
from ossia.harmony import ParsedMessage


@dataclass(frozen=True)
class Prefill:
    """How far a long conversation is read: ``num_done`` of its ``num_tokens``.

    None comes where one step reads it all, and none after the first piece of an answer.
    """

    num_done: int
    num_tokens: int

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types."""
        return {"type": "prefill", **asdict(self)}


@dataclass(frozen=True)
class Reasoning:
    """A piece of the model's chain of thought (the analysis channel)."""

    text: str

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types."""
        return {"type": "reasoning", "text": self.text}


@dataclass(frozen=True)
class Text:
    """A piece of what the model says to the user."""

    text: str

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types."""
        return {"type": "text", "text": self.text}


@dataclass(frozen=True)
class ToolCall:
    """A piece of what the model says to a tool; ``recipient`` is the name that it gave."""

    recipient: str
    text: str

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types."""
        return {"type": "tool_call", "recipient": self.recipient, "text": self.text}


@dataclass(frozen=True)
class Usage:
    """Tokens of one answer.

    Attributes:
        completion_tokens: all that the model made, control tokens included.
        reasoning_tokens: those among them that are text of its reasoning.
    """

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int


@dataclass(frozen=True)
class Timings:
    """Seconds: until the first token, and from the first to the last."""

    prefill_seconds: float
    decode_seconds: float


@dataclass(frozen=True)
class Done:
    """The answer is complete.

    Attributes:
        reason: ``stop`` (the model ended it), ``length`` (max_tokens or the context did).
        repairs: names of what was mended in the model's output (``harmony.Repair``).
        messages: what the model said, message by message.
        seed: with it, the same request gives the same answer.
    """

    reason: str
    usage: Usage
    timings: Timings
    repairs: tuple[str, ...]
    messages: tuple[ParsedMessage, ...]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types."""
        return {
            "type": "done",
            "reason": self.reason,
            "usage": asdict(self.usage),
            "timings": asdict(self.timings),
            "repairs": [str(name) for name in self.repairs],
            "messages": [asdict(m) | {"channel": str(m.channel)} for m in self.messages],
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Failed:
    """The answer could not be made; what the error says is for the user."""

    error: OssiaError

    @property
    def message(self) -> str:
        """What happened and what to do, in a line or two."""
        return str(self.error)

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types."""
        return {"type": "failed", "message": self.message}


Event = Prefill | Reasoning | Text | ToolCall | Done | Failed
