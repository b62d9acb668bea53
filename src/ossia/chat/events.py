"""The waist: every face of ossia consumes one stream of these events.

Text arrives in pieces as it is made; ``Done`` or ``Failed`` comes once, last.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
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
class ScoredToken:
    """A token of what the model says to the user, with what it expected in its place.

    Attributes:
        spelling: its bytes, which need not be whole characters.
        logprob: natural logarithm of its probability, before any rule of sampling.
        top: the likeliest tokens in its place with theirs, likeliest first.
    """

    spelling: bytes
    logprob: float
    top: tuple[tuple[bytes, float], ...] = ()


@dataclass(frozen=True)
class Text:
    """A piece of what the model says to the user.

    Attributes:
        tokens: those that begin in it, where ``Settings.num_logprobs`` asks for them.
    """

    text: str
    tokens: tuple[ScoredToken, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types."""
        return {"type": "text", "text": self.text}


@dataclass(frozen=True)
class Citation:
    """A part of what the model says to the user that names where it has it from.

    Attributes:
        text: as the model wrote it, such as ``【3†L12-L15】``.
        cursor: the number of the page that the browser tool showed.
        first_line, last_line: of that page.
        tokens: see ``Text``.
        url, title: of the page, where whoever showed it tells; else empty.
        quote: the start of those lines, likewise.
    """

    text: str
    cursor: int
    first_line: int
    last_line: int
    tokens: tuple[ScoredToken, ...] = ()
    url: str = ""
    title: str = ""
    quote: str = ""

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types."""
        lines = {"first_line": self.first_line, "last_line": self.last_line}
        page = {"url": self.url, "title": self.title, "quote": self.quote} if self.url else {}
        return {"type": "citation", "text": self.text, "cursor": self.cursor, **lines, **page}


@dataclass(frozen=True)
class ToolCall:
    """A piece of what the model says to a tool; ``recipient`` is the name that it gave.

    A call's first piece is empty, and comes as soon as it is certain whom the model calls.
    """

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
        cached_tokens: those of the prompt that were not computed again, because an earlier request
            began likewise.
    """

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True)
class Timings:
    """Seconds: until the first token, and from the first to the last."""

    prefill_seconds: float
    decode_seconds: float


@dataclass(frozen=True)
class Raw:
    """An answer token by token, as the engine has it.

    Attributes:
        repairs: what was mended in the output (``harmony.Repair``), each with the number of output
            tokens that were read by then.
    """

    prompt_ids: tuple[int, ...]
    output_ids: tuple[int, ...]
    repairs: tuple[tuple[int, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """It as plain JSON types."""
        return {
            "prompt_ids": list(self.prompt_ids),
            "output_ids": list(self.output_ids),
            "repairs": [[number, str(repair)] for number, repair in self.repairs],
        }


class Reason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"  # the model said all
    TOOL_CALL = "tool_call"  # it called a tool, and waits for the result
    STOP_STRING = "stop_string"
    LENGTH = "length"  # max_tokens or the context was reached
    DEADLINE = "deadline"  # the request's timeout was over
    CLOSED = "closed"  # the model was closed meanwhile


@dataclass(frozen=True)
class Done:
    """The answer is complete.

    Attributes:
        reason: why it ended.
        repairs: names of what was mended in the model's output (``harmony.Repair``).
        messages: what the model said, message by message.
        seed: with it, the same request gives the same answer.
        num_loops: how often the reasoning went in circles and was ended for it.
        stop_string: the one that ended it.
        raw: its tokens; where tools ran, those of the last round.
    """

    reason: Reason
    usage: Usage
    timings: Timings
    repairs: tuple[str, ...]
    messages: tuple[ParsedMessage, ...]
    seed: int
    num_loops: int = 0
    stop_string: str | None = None
    raw: Raw | None = None

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types."""
        return {
            "type": "done",
            "reason": str(self.reason),
            "usage": asdict(self.usage),
            "timings": asdict(self.timings),
            "repairs": [str(name) for name in self.repairs],
            "messages": [asdict(m) | {"channel": str(m.channel)} for m in self.messages],
            "seed": self.seed,
            "num_loops": self.num_loops,
            "stop_string": self.stop_string,
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


Event = Prefill | Reasoning | Text | Citation | ToolCall | Done | Failed
