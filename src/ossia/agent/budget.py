"""How far one answer with tools may go, and what of that is spent.

Knows rounds of a model; knows no tools.
"""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ossia.base.errors import InputError
from ossia.chat import Demands, Done, Event, Settings, Terms, ToolChoice, Usage
from ossia.harmony import Message


class Model(Protocol):
    """Whoever answers (``chat.ChatModel``)."""

    def arespond(
        self,
        messages: Sequence[Message],
        settings: Settings | None = None,
        demands: Demands | None = None,
        terms: Terms | None = None,
    ) -> AsyncGenerator[Event, None]:
        """The events of an answer."""


@dataclass(frozen=True)
class Limits:
    """How far one answer may go.

    Attributes:
        calls: calls of tools; then the model must answer with what it has.
        tokens: that the model makes in all rounds; None is up to the context in each.
        seconds: for all of it.
    """

    calls: int = 50
    tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        above = (self.tokens, self.seconds)
        if self.calls < 0 or not all(each is None or each > 0 for each in above):
            raise InputError(f"limits are above 0, and calls at least 0; they are {self}")


@dataclass(eq=False)
class Budget:
    """What is spent of an answer's limits, over all its rounds."""

    limits: Limits
    settings: Settings
    demands: Demands
    terms: Terms
    num_calls: int = 0
    rounds: list[Done] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    start: float = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.clock()

    @property
    def seconds_left(self) -> float | None:
        """Until the answer has to end; None is for ever."""
        if self.limits.seconds is None:
            return None
        return self.limits.seconds - (self.clock() - self.start)

    @property
    def is_time_over(self) -> bool:
        """Whether there is no time left."""
        return self.seconds_left is not None and self.seconds_left <= 0

    def ask(self, model: Model, messages: Sequence[Message]) -> AsyncGenerator[Event, None]:
        """The next round: a demanded call is demanded once, and no calls are left at the end."""
        demands, terms = self.demands, self.terms
        if self.num_calls >= self.limits.calls:
            demands = replace(demands, tool_choice=ToolChoice.NONE, strict_tools=frozenset())
        elif self.rounds and demands.tool_choice is not ToolChoice.NONE:
            demands = replace(demands, tool_choice=ToolChoice.AUTO)
        if (seconds := self.seconds_left) is not None:
            # What is over still gives the model a moment to be told so by the engine.
            seconds = max(seconds, 1e-3)
            terms = replace(terms, timeout=min(seconds, terms.timeout or seconds))
        return model.arespond(messages, self._settings(), demands, terms)

    def _settings(self) -> Settings:
        told = (self.settings.max_tokens, self.limits.tokens)
        limits = [each for each in told if each is not None]
        if not limits:
            return self.settings
        spent = sum(done.usage.completion_tokens for done in self.rounds)
        return replace(self.settings, max_tokens=max(min(limits) - spent, 1))

    def spend(self, done: Done) -> None:
        """Counts a round."""
        self.rounds.append(done)

    def total(self, last: Done) -> Done:
        """The end of the whole answer: all rounds together, what was said included."""
        usages = [done.usage for done in self.rounds]
        return replace(
            last,
            usage=Usage(
                prompt_tokens=usages[-1].prompt_tokens,
                completion_tokens=sum(each.completion_tokens for each in usages),
                reasoning_tokens=sum(each.reasoning_tokens for each in usages),
                cached_tokens=usages[0].cached_tokens,
            ),
            repairs=tuple(repair for done in self.rounds for repair in done.repairs),
            messages=tuple(message for done in self.rounds for message in done.messages),
            num_loops=sum(done.num_loops for done in self.rounds),
        )
