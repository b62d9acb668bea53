"""One answer: tokens from the engine's service, events out, for a thread or an event loop.

Knows what the model said and how it ended; does not know which model it is.
"""

import time
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Sequence
from contextlib import aclosing, closing
from dataclasses import replace

from ossia.chat.citations import CitationReader, Mark
from ossia.chat.constraint import AnswerConstraint
from ossia.chat.events import (
    Citation,
    Done,
    Event,
    Prefill,
    Raw,
    Reason,
    Reasoning,
    ScoredToken,
    Text,
    Timings,
    ToolCall,
    Usage,
)
from ossia.chat.scores import Scores
from ossia.chat.stops import StopStrings
from ossia.engine import End, Finish, Output, Request, Service, Token
from ossia.engine import Prefill as EnginePrefill
from ossia.harmony import Channel, Delta, ParsedMessage, Parser
from ossia.tokenizer import Tokenizer


def respond(
    service: Service, tokenizer: Tokenizer, request: Request, stop: Sequence[str] = ()
) -> Generator[Event, None, None]:
    """The events of the answer to a request, ``Done`` last.

    Raises:
        OssiaError: the request cannot be run, or failed on the way, after what was said until then.
    """
    answer = Answer(tokenizer, request, stop)
    with closing(service.stream(request)) as outputs:
        for output in outputs:
            yield from answer.take(output)
            if answer.is_over:
                break
    yield from answer.finish(outputs.num_cached)


async def arespond(
    service: Service, tokenizer: Tokenizer, request: Request, stop: Sequence[str] = ()
) -> AsyncGenerator[Event, None]:
    """The same for the event loop that runs here.

    Raises:
        OssiaError: see ``respond``.
    """
    answer = Answer(tokenizer, request, stop)
    async with aclosing(service.astream(request)) as outputs:
        async for output in outputs:
            for event in answer.take(output):
                yield event
            if answer.is_over:
                break
    for event in answer.finish(outputs.num_cached):
        yield event


class Answer:
    """What is known of an answer under way."""

    def __init__(self, tokenizer: Tokenizer, request: Request, stop: Sequence[str] = ()) -> None:
        self._request = request
        self._parser = Parser(tokenizer)
        self._clock = _Clock()
        self._num_reasoning = 0
        self._stops = StopStrings(stop)
        self._citations = CitationReader()
        self._scores = Scores(tokenizer)
        self._num_given = 0  # characters of the message under way that passed the stop strings
        self._end: End | None = None
        self._output_ids: list[int] = []
        self._repairs: list[tuple[int, str]] = []

    @property
    def is_over(self) -> bool:
        """Whether no more tokens need be asked for."""
        return self._stops.found is not None or self._parser.is_turn_over

    def take(self, output: Output) -> Iterator[Event]:
        """The events that one more output makes certain."""
        match output:
            case Token():
                yield from self._feed(output)
            case EnginePrefill(num_done, num_tokens):
                yield Prefill(num_done, num_tokens)
            case End():
                self._end = output

    def finish(self, num_cached: int) -> Iterator[Event]:
        """The events that were uncertain until no more tokens came, and ``Done``.

        Args:
            num_cached: tokens of the prompt that were not computed again.

        Raises:
            OssiaError: the request failed; what was said so far is not lost with the rest.
        """
        deltas = self._parser.finish()
        self._note_repairs()
        yield from self._events(deltas)
        yield from self._end_message()
        if self._end is not None and self._end.error is not None:
            raise self._end.error
        request, clock, constraint = self._request, self._clock, self._request.constraint
        yield Done(
            reason=self._reason(),
            usage=Usage(len(request.prompt_ids), clock.num_ticks, self._num_reasoning, num_cached),
            timings=clock.timings(),
            repairs=self._parser.repairs,
            messages=self.messages(),
            seed=request.sampling.seed,
            num_loops=constraint.num_loops if isinstance(constraint, AnswerConstraint) else 0,
            stop_string=self._stops.found,
            raw=Raw(request.prompt_ids, tuple(self._output_ids), tuple(self._repairs)),
        )

    def _feed(self, token: Token) -> Iterator[Event]:
        self._clock.tick()
        was_reasoning, num_messages = _is_reasoning(self._parser), len(self._parser.messages)
        deltas = self._parser.feed(token.token_id)
        self._output_ids.append(token.token_id)
        self._note_repairs()
        self._num_reasoning += was_reasoning and _is_reasoning(self._parser)
        if _is_saying(self._parser):
            self._scores.add(token, "".join(delta.text for delta in deltas))
        yield from self._events(deltas)
        if len(self._parser.messages) > num_messages:
            yield from self._end_message()

    def _note_repairs(self) -> None:
        """Where in the output something was mended just now."""
        for repair in self._parser.repairs[len(self._repairs) :]:
            self._repairs.append((len(self._output_ids), repair))

    def _reason(self) -> Reason:
        if self._stops.found is not None:
            return Reason.STOP_STRING
        if self._end is not None and self._end.finish in _CUT and not self._parser.is_turn_over:
            return _CUT[self._end.finish]
        messages = self._parser.messages
        return Reason.TOOL_CALL if messages and messages[-1].recipient else Reason.STOP

    def messages(self) -> tuple[ParsedMessage, ...]:
        """What the model said; where a stop string ended it, up to that."""
        messages = self._parser.messages
        if self._stops.found is None:
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
                yield from self._say(self._stops.feed(delta.text))

    def _say(self, text: str) -> Iterator[Event]:
        self._num_given += len(text)
        for part in self._citations.feed(text):
            tokens = self._scores.take(part.text if isinstance(part, Mark) else part)
            yield _citation(part, tokens) if isinstance(part, Mark) else Text(part, tokens)

    def _end_message(self) -> Iterator[Event]:
        """Gives out what was held; where a stop string was found nothing is."""
        yield from self._say(self._stops.finish())
        if rest := self._citations.finish():
            yield Text(rest, self._scores.take(rest))
        if self._stops.found is None:
            self._num_given = 0
        self._scores.clear()


_CUT = {
    Finish.LENGTH: Reason.LENGTH,
    Finish.DEADLINE: Reason.DEADLINE,
    Finish.CLOSED: Reason.CLOSED,
}
"""Why an answer ended that was not complete."""


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


def _is_saying(parser: Parser) -> bool:
    """Whether the text under way is for the user."""
    return parser.channel not in (None, Channel.ANALYSIS) and parser.recipient is None


def _citation(mark: Mark, tokens: tuple[ScoredToken, ...]) -> Citation:
    return Citation(mark.text, mark.cursor, mark.first_line, mark.last_line, tokens)
