"""One answer: tokens from the engine, events out.

Knows what the model said and how it ended; does not know which model it is.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from ossia.base.errors import OssiaError
from ossia.chat.citations import CitationReader, Mark
from ossia.chat.constraint import AnswerConstraint
from ossia.chat.events import (
    Citation,
    Done,
    Event,
    Prefill,
    Reason,
    Reasoning,
    Text,
    Timings,
    ToolCall,
    Usage,
)
from ossia.chat.stops import StopStrings
from ossia.engine import End, Engine, Finish, Request, Token
from ossia.harmony import Channel, Delta, ParsedMessage, Parser
from ossia.tokenizer import Tokenizer


def respond(
    engine: Engine, tokenizer: Tokenizer, request: Request, stop: Sequence[str] = ()
) -> Iterator[Event]:
    """The events of the answer to a request, ``Done`` last.

    Raises:
        OssiaError: the request cannot be run, or its constraint failed on the way.
    """
    answer = Answer(tokenizer, stop)
    finish: Finish | None = None
    try:
        with closing(engine.stream(request)) as stream:
            for output in stream:
                match output:
                    case Token(token_id):
                        yield from answer.feed(token_id)
                        if answer.is_over:
                            break
                    case End(error=OssiaError() as error):
                        raise error
                    case End(finish):
                        pass
                    case _:
                        yield Prefill(output.num_done, output.num_tokens)
    except OssiaError:
        yield from answer.finish()  # what was said so far is not lost with the rest
        raise
    yield from answer.finish()
    constraint = request.constraint
    yield Done(
        reason=answer.reason(finish),
        usage=Usage(len(request.prompt_ids), answer.clock.num_ticks, answer.num_reasoning),
        timings=answer.clock.timings(),
        repairs=answer.parser.repairs,
        messages=answer.messages(),
        seed=request.sampling.seed,
        num_loops=constraint.num_loops if isinstance(constraint, AnswerConstraint) else 0,
        stop_string=answer.stops.found,
    )


class Answer:
    """What is known of an answer under way."""

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str]) -> None:
        self.parser = Parser(tokenizer)
        self.clock = _Clock()
        self.num_reasoning = 0
        self.stops = StopStrings(stop)
        self._citations = CitationReader()
        self._num_given = 0  # characters of the message under way that passed the stop strings

    @property
    def is_over(self) -> bool:
        """Whether no more tokens need be asked for."""
        return self.stops.found is not None or self.parser.is_turn_over

    def feed(self, token_id: int) -> Iterator[Event]:
        """The events that one more token makes certain."""
        self.clock.tick()
        was_reasoning, num_messages = _is_reasoning(self.parser), len(self.parser.messages)
        deltas = self.parser.feed(token_id)
        self.num_reasoning += was_reasoning and _is_reasoning(self.parser)
        yield from self._events(deltas)
        if len(self.parser.messages) > num_messages:
            yield from self._end_message()

    def finish(self) -> Iterator[Event]:
        """The events that were uncertain until no more tokens came."""
        yield from self._events(self.parser.finish())
        yield from self._end_message()

    def reason(self, finish: Finish | None) -> Reason:
        """Why the answer ended."""
        if self.stops.found is not None:
            return Reason.STOP_STRING
        if finish is Finish.LENGTH and not self.parser.is_turn_over:
            return Reason.LENGTH
        messages = self.parser.messages
        return Reason.TOOL_CALL if messages and messages[-1].recipient else Reason.STOP

    def messages(self) -> tuple[ParsedMessage, ...]:
        """What the model said; where a stop string ended it, up to that."""
        messages = self.parser.messages
        if self.stops.found is None:
            return messages
        last = messages[-1]
        return (*messages[:-1], replace(last, text=last.text[: self._num_given]))

    def _events(self, deltas: Iterable[Delta]) -> Iterator[Event]:
        for delta in deltas:
            if delta.recipient is not None:
                yield ToolCall(delta.recipient, delta.text)
            elif delta.channel is Channel.ANALYSIS:
                yield Reasoning(delta.text)
            else:
                yield from self._say(self.stops.feed(delta.text))

    def _say(self, text: str) -> Iterator[Event]:
        self._num_given += len(text)
        for part in self._citations.feed(text):
            yield _citation(part) if isinstance(part, Mark) else Text(part)

    def _end_message(self) -> Iterator[Event]:
        """Gives out what was held; where a stop string was found nothing is."""
        yield from self._say(self.stops.finish())
        if rest := self._citations.finish():
            yield Text(rest)
        if self.stops.found is None:
            self._num_given = 0


class _Clock:
    """When the first and the last token came."""

    def __init__(self) -> None:
        self.num_ticks = 0
        self._start = self._first = self._last = time.perf_counter()

    def tick(self) -> None:
        self._last = time.perf_counter()
        if self.num_ticks == 0:
            self._first = self._last
        self.num_ticks += 1

    def timings(self) -> Timings:
        return Timings(self._first - self._start, self._last - self._first)


def _is_reasoning(parser: Parser) -> bool:
    """Whether the text under way is reasoning, and no call that the model makes meanwhile."""
    return parser.channel is Channel.ANALYSIS and parser.recipient is None


def _citation(mark: Mark) -> Citation:
    return Citation(mark.text, mark.cursor, mark.first_line, mark.last_line)
