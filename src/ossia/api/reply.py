"""One answer as a value, put together from its events."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ossia.base.errors import OssiaError
from ossia.chat import (
    Citation,
    Done,
    Event,
    Failed,
    Reason,
    Reasoning,
    ScoredToken,
    Text,
    Timings,
    Usage,
)
from ossia.harmony import Channel, ParsedMessage, ToolResult
from ossia.harmony.messages import FUNCTIONS


@dataclass(frozen=True)
class Call:
    """A tool that the model called.

    Attributes:
        name: of the function, or of the tool that the model was trained with.
        text: the arguments as the model wrote them.
    """

    name: str
    text: str
    recipient: str = field(repr=False)
    channel: Channel = field(default=Channel.COMMENTARY, repr=False)

    def result(self, text: str) -> ToolResult:
        """What the tool says to it, as a message."""
        return ToolResult(self.recipient, text, self.channel)

    @property
    def arguments(self) -> Any:
        """The arguments; as they are, in a text, where they are no JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text


@dataclass(frozen=True)
class Reply:
    """What the model answered.

    Attributes:
        text: to the user.
        reasoning: its chain of thought.
        calls: tools that it called, whose results it waits for; none where the answer was cut off.
        citations: parts of the text that name their source.
        parsed: where a schema was given, the text as a value of it; None where it was cut off.
        reason: why it ended.
        seed: with it, the same question gives the same answer.
        repairs: names of what was mended in the model's output.
        messages: what it said, message by message; a conversation may go on with them.
        tokens: those of the text, where ``num_logprobs`` asks for them.
    """

    text: str
    reasoning: str
    calls: tuple[Call, ...]
    citations: tuple[Citation, ...]
    parsed: Any
    reason: Reason
    usage: Usage
    timings: Timings
    seed: int
    repairs: tuple[str, ...]
    messages: tuple[ParsedMessage, ...] = field(repr=False)
    tokens: tuple[ScoredToken, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        """How a notebook shows it: the reasoning in a fold, then the answer."""
        quoted = self.reasoning.strip().replace("&", "&amp;").replace("<", "&lt;")
        fold = f"<details><summary>reasoning</summary><pre>{quoted}</pre></details>\n\n"
        calls = "".join(f"\n\n`{call.name}({call.text})`" for call in self.calls)
        return (fold if quoted else "") + self.text + calls


_WHOLE = (Reason.STOP, Reason.TOOL_CALL, Reason.STOP_STRING)
"""How answers end whose calls are whole; half a call must not be acted on."""


class Collector:
    """Takes an answer's events."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._citations: list[Citation] = []
        self._tokens: list[ScoredToken] = []
        self._end: Done | Failed | None = None

    def take(self, event: Event) -> None:
        """One more event."""
        match event:
            case Text() | Citation():
                self._text.append(event.text)
                self._tokens += event.tokens
                if isinstance(event, Citation):
                    self._citations.append(event)
            case Reasoning(text):
                self._reasoning.append(text)
            case Done() | Failed():
                self._end = event

    def reply(self, parse: "Parse | None" = None) -> Reply:
        """The answer.

        Raises:
            OssiaError: it could not be made. What was said until then is in its notes.
        """
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        if isinstance(self._end, Failed):
            if text or reasoning:
                self._end.error.add_note(f"said until then: {reasoning}{text}")
            raise self._end.error
        if self._end is None:
            raise OssiaError("the answer was stopped before its end")
        done = self._end
        is_whole = done.reason is Reason.STOP
        return Reply(
            text=text,
            reasoning=reasoning,
            calls=_calls(done.messages) if done.reason in _WHOLE else (),
            citations=tuple(self._citations),
            parsed=parse(text) if parse and is_whole else None,
            reason=done.reason,
            usage=done.usage,
            timings=done.timings,
            seed=done.seed,
            repairs=done.repairs,
            messages=done.messages,
            tokens=tuple(self._tokens),
        )


class Parse:
    """Makes a value of an answer that follows a schema.

    Args:
        kind: the type whose schema it is; None leaves plain JSON types.
    """

    def __init__(self, kind: Any = None) -> None:
        self._kind = kind

    def __call__(self, text: str) -> Any:
        """The value.

        Raises:
            OssiaError: the text breaks a rule of the type that no schema can express.
        """
        if self._kind is None:
            try:
                return json.loads(text)
            except (ValueError, RecursionError) as error:
                raise OssiaError(f"the answer is no value of Python's: {error!s:.120}") from None
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(self._kind).validate_json(text)
        except ValidationError as error:
            name = getattr(self._kind, "__name__", self._kind)
            first = error.errors(include_url=False)[0]
            raise OssiaError(
                f"the answer follows the schema and is no {name} all the same: {first['msg']}"
            ) from None


def _calls(messages: Iterable[ParsedMessage]) -> tuple[Call, ...]:
    return tuple(
        Call(said.recipient.removeprefix(f"{FUNCTIONS}."), said.text, said.recipient, said.channel)
        for said in messages
        if said.recipient is not None
    )
