"""One question: the answer shown while it comes, and what is said about it afterwards.

Knows how an answer ends, Ctrl-C included; does not know whether others follow.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from ossia.agent import AgentEvent, Returned
from ossia.chat import ChatModel, Citation, Done, Failed, Settings, Text
from ossia.cli.display import Display
from ossia.cli.equipped import Equipped
from ossia.cli.happenings import sources
from ossia.cli.printer import Printer
from ossia.cli.terminal import notices
from ossia.harmony import Assistant, Message
from ossia.tools import Page


class Answerer(Protocol):
    """Whoever answers: a model, or one with tools."""

    def respond(
        self, messages: Sequence[Message], settings: Settings | None = None
    ) -> Generator[AgentEvent, None, None]:
        """The events of an answer; ``Done`` or ``Failed`` comes last."""


@dataclass(frozen=True)
class Outcome:
    """How an answer went.

    Attributes:
        seen: what was said to the user, without reasoning.
        end: Done or Failed, or None when Ctrl-C stopped it.
        said: what the conversation grew by, calls of tools and their results included.
        pages: what tools showed under each cursor.
    """

    seen: str
    end: Done | Failed | None
    said: tuple[Message, ...] = ()
    pages: Mapping[int, Page] = field(default_factory=dict)


def ask(
    model: Answerer,
    messages: Sequence[Message],
    settings: Settings,
    printer: Printer,
    grown: Callable[[Sequence[Message]], None] | None = None,
) -> Outcome:
    """Have a conversation answered. Ctrl-C stops the answer, and is no error.

    Args:
        grown: hears what was said so far, whenever a tool has done something.
    """
    seen: list[str] = []
    end: Done | Failed | None = None
    try:
        with closing(model.respond(messages, settings)) as events:
            for event in events:
                if isinstance(event, Text | Citation):
                    seen.append(event.text)
                elif isinstance(event, Done | Failed):
                    end = event
                printer.show(event)
                if isinstance(event, Returned) and isinstance(model, Equipped) and grown:
                    grown(model.said)
    except KeyboardInterrupt:
        pass  # an answer that was complete already is kept
    finally:
        printer.close()
    shown = (Assistant("".join(seen)),) if seen else ()  # all that there is of a stopped answer
    if isinstance(model, Equipped):
        said = model.said if isinstance(end, Done) else (*model.said, *shown)
        return Outcome("".join(seen), end, said, model.pages)
    if not isinstance(end, Done):
        return Outcome("".join(seen), end, shown)
    whole = (each for each in end.messages if each.recipient is None)
    answer = tuple(Assistant(each.text, each.channel) for each in whole)
    return Outcome("".join(seen), end, answer)


def tell_sources(outcome: Outcome) -> None:
    """What the answer cites, where a person reads it."""
    if outcome.pages and notices().is_terminal and (cited := sources(outcome.seen, outcome.pages)):
        notices().list(cited, dim=True)


def tell_load(model: ChatModel) -> None:
    """What ``--verbose`` says before the first answer."""
    lines = {
        "model": f"{model.source.path} ({model.source.layout.value})",
        "backend": f"{model.backend.name}: {model.backend.reason}",
        "computes": model.backend.detail,
        "weights": model.holding,
        "context": f"{model.context:,} tokens",
    }
    notices().list(lines, dim=True)


def tell_done(done: Done, display: Display) -> None:
    """What there is to say after an answer: that it is cut off; and what ``--verbose`` adds."""
    if done.reason == "length":
        notices().say(
            f"(cut off after {done.usage.completion_tokens:,} tokens: max_tokens or the context "
            "was reached)",
            dim=True,
        )
    if done.reason in ("deadline", "closed"):
        notices().say("(cut off: its time was over, or the model was closed)", dim=True)
    if display.is_verbose:
        _tell_figures(done)


def speed(done: Done) -> float | None:
    """Tokens a second after the first one, which belongs to the prefill's time."""
    num_tokens, seconds = done.usage.completion_tokens - 1, done.timings.decode_seconds
    return num_tokens / seconds if num_tokens > 0 and seconds > 0 else None


def _tell_figures(done: Done) -> None:
    usage, timings = done.usage, done.timings
    prefill = _rate(usage.prompt_tokens - usage.cached_tokens, timings.prefill_seconds)
    known = f" ({usage.cached_tokens:,} of them known)" if usage.cached_tokens else ""
    # The first token belongs to the prefill's time.
    decode = _rate(usage.completion_tokens - 1, timings.decode_seconds)
    lines = {
        "prompt": f"{usage.prompt_tokens:,} tokens{known}, {prefill}",
        "answer": f"{usage.completion_tokens:,} tokens ({usage.reasoning_tokens:,} of them "
        f"reasoning), {decode}",
        "end": done.reason,
        "seed": str(done.seed),
    }
    if done.repairs:
        lines["mended"] = ", ".join(done.repairs)
    notices().list(lines, dim=True)


def _rate(num_tokens: int, seconds: float) -> str:
    if num_tokens < 1 or seconds <= 0:
        return f"{seconds:.2f} s"
    return f"{seconds:.2f} s, {num_tokens / seconds:,.1f} tokens/s"
