"""A model in a script's hands: ask it, talk with it, continue any text, many at once.

Every method that asks has a twin for event loops whose name begins with ``a``. Calls from many
threads and loops at the same time share the model's steps; each answer is the same as if it were
alone.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import aclosing, closing
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar, Unpack

from ossia.api.completion import Completion, Continuation, ScoredText, continuation, ids_of
from ossia.api.conversation import Said
from ossia.api.options import Asked, Options, understand
from ossia.api.progress import QUICK, counted, teller
from ossia.api.reply import Collector, Reply
from ossia.api.talk import Talk
from ossia.base.errors import InputError, OssiaError
from ossia.chat import ChatModel, Event
from ossia.engine import Request

T = TypeVar("T")

AT_ONCE = 16
"""Questions of a batch that are under way at the same time."""


class Model:
    """A loaded model; see ``load``.

    Attributes:
        name: as it was loaded.
        chat_model: the rooms below, put together, for those who want to look inside.
    """

    def __init__(self, name: str, chat_model: ChatModel) -> None:
        self.name, self.chat_model = name, chat_model

    def __repr__(self) -> str:
        backend = self.chat_model.backend.name
        return f"<ossia.Model {self.name}: {self.context} tokens of context, backend {backend}>"

    @property
    def context(self) -> int:
        """Tokens, prompt and answer together, that a conversation may grow to."""
        return self.chat_model.context

    def encode(self, text: str) -> list[int]:
        """The token ids of a text."""
        return self.chat_model.tokenizer.encode(text)

    def decode(self, token_ids: Iterable[int]) -> str:
        """The text of token ids."""
        return self.chat_model.tokenizer.decode(token_ids)

    # ------------------------------------------------------------------ conversations

    def chat(self, said: Said, **options: Unpack[Options]) -> Reply:
        """The answer to a question, or to a conversation.

        >>> model.chat("What is 27 + 58?", seed=1).text
        '27 + 58 = 85'

        Raises:
            OssiaError: the options cannot be met, or the answer cannot be made.
        """
        return self._chat(understand(said, options))

    async def achat(self, said: Said, **options: Unpack[Options]) -> Reply:
        """``chat`` for event loops."""
        return await self._achat(understand(said, options))

    def stream(self, said: Said, **options: Unpack[Options]) -> Generator[Event, None, None]:
        """The same, event by event (``ossia.chat``); closing it stops the answer.

        >>> from ossia import Text
        >>> events = model.stream("What is 27 + 58?", seed=1)
        >>> "".join(event.text for event in events if isinstance(event, Text))
        '27 + 58 = 85'

        Raises:
            InputError: the options cannot be met; what fails later is an event.
        """
        return self.events(understand(said, options))

    def astream(self, said: Said, **options: Unpack[Options]) -> AsyncGenerator[Event, None]:
        """``stream`` for event loops."""
        return self.aevents(understand(said, options))

    def talk(self, **options: Unpack[Options]) -> Talk:
        """A conversation that remembers, and calls the functions that are its tools."""
        understand("", options)  # what cannot be met is told at once
        return Talk(self, options)

    # ------------------------------------------------------------------ many at once

    def choices(self, said: Said, number: int, **options: Unpack[Options]) -> list[Reply]:
        """So many answers to one question, whose reading they share. Seeds follow each other."""
        asked = _choices(said, number, options)
        return [_raised(reply) for reply in self._many(asked, AT_ONCE, progress=False)]

    async def achoices(self, said: Said, number: int, **options: Unpack[Options]) -> list[Reply]:
        """``choices`` for event loops."""
        asked = _choices(said, number, options)
        return [_raised(reply) for reply in await self._amany(asked, AT_ONCE, progress=False)]

    def batch(
        self,
        questions: Iterable[Said],
        *,
        at_once: int = AT_ONCE,
        progress: bool | None = None,
        **options: Unpack[Options],
    ) -> list[Reply | OssiaError]:
        """Answers to many questions, in their order; one that failed is its error.

        >>> [str(reply) for reply in model.batch(["What is 20 + 1?", "What is 4 + 4?"], seed=1)]
        ['20 + 1 = 21', '4 + 4 = 8']

        Args:
            at_once: how many are under way at the same time.
            progress: whether a bar shows how many are done; None is on a terminal or in a notebook.

        Raises:
            InputError: the options cannot be met.
        """
        return self._many(_each(questions, options), at_once, progress)

    async def abatch(
        self,
        questions: Iterable[Said],
        *,
        at_once: int = AT_ONCE,
        progress: bool | None = None,
        **options: Unpack[Options],
    ) -> list[Reply | OssiaError]:
        """``batch`` for event loops."""
        return await self._amany(_each(questions, options), at_once, progress)

    # ------------------------------------------------------------------ below conversations

    def generate(self, prompt: str | Sequence[int], **options: Unpack[Options]) -> Completion:
        """A text that continues another, without the form of a conversation.

        >>> model.generate("27 + 58", max_tokens=4, temperature=0).reason
        <Reason.LENGTH: 'length'>

        Args:
            prompt: text, or token ids, which may be control tokens.

        Raises:
            OssiaError: the prompt is empty or too long, or the text cannot be made.
        """
        made = self._continuation(prompt, options)
        for _ in self._tokens(made):
            pass
        return made.completion()

    async def agenerate(
        self, prompt: str | Sequence[int], **options: Unpack[Options]
    ) -> Completion:
        """``generate`` for event loops."""
        made = self._continuation(prompt, options)
        async for _ in self._atokens(made):
            pass
        return made.completion()

    def stream_tokens(
        self, prompt: str | Sequence[int], **options: Unpack[Options]
    ) -> Generator[ScoredText, None, None]:
        """The same, token by token; closing it stops. The token that ended it is the last one.

        >>> tokens = model.stream_tokens("27 + 58", max_tokens=4, temperature=0, num_logprobs=1)
        >>> [token.logprob == token.top[0][1] for token in tokens]
        [True, True, True, True]
        """
        return self._tokens(self._continuation(prompt, options))

    def astream_tokens(
        self, prompt: str | Sequence[int], **options: Unpack[Options]
    ) -> AsyncGenerator[ScoredText, None]:
        """``stream_tokens`` for event loops."""
        return self._atokens(self._continuation(prompt, options))

    def score(self, text: str | Sequence[int], *, num_top: int = 0) -> list[ScoredText]:
        """How much the model expected each token of a text, after those before it.

        >>> [token.text for token in model.score("27 + 58")]
        ['2', '7', ' +', ' ', '5', '8']

        Args:
            num_top: likeliest tokens told beside each.

        Raises:
            OssiaError: the text is empty or fills the whole context.
        """
        return list(self._tokens(self._scoring(text, num_top)))

    async def ascore(self, text: str | Sequence[int], *, num_top: int = 0) -> list[ScoredText]:
        """``score`` for event loops."""
        return [token async for token in self._atokens(self._scoring(text, num_top))]

    # ------------------------------------------------------------------ its end

    def close(self) -> None:
        """Lets the model go; answers under way are cut."""
        self.chat_model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ what was understood

    def events(self, asked: Asked) -> Generator[Event, None, None]:
        """The events of an answer to what was understood."""
        return self.chat_model.respond(asked.messages, asked.settings, asked.demands, asked.terms)

    def aevents(self, asked: Asked) -> AsyncGenerator[Event, None]:
        """The same for event loops."""
        return self.chat_model.arespond(asked.messages, asked.settings, asked.demands, asked.terms)

    def _chat(self, asked: Asked, is_over: threading.Event | None = None) -> Reply:
        collector = Collector()
        with closing(self.events(asked)) as events:
            for event in events:
                collector.take(event)
                if is_over is not None and is_over.is_set():
                    break
        return collector.reply(asked.parse)

    async def _achat(self, asked: Asked) -> Reply:
        collector = Collector()
        async with aclosing(self.aevents(asked)) as events:
            async for event in events:
                collector.take(event)
        return collector.reply(asked.parse)

    def _many(
        self, asked: Sequence[Asked | OssiaError], at_once: int, progress: bool | None
    ) -> list[Reply | OssiaError]:
        _check_at_once(at_once)
        is_over = threading.Event()  # Ctrl-C reaches this thread alone

        def answer(each: Asked | OssiaError) -> Reply | OssiaError:
            try:
                return self._chat(_raised(each), is_over)
            except OssiaError as error:
                return error

        with (
            counted("answers", len(asked), progress) as count,
            ThreadPoolExecutor(at_once, "ossia-batch") as threads,
        ):
            try:
                answers = [threads.submit(answer, each) for each in asked]
                for _ in as_completed(answers):
                    count()
                return [each.result() for each in answers]
            except BaseException:
                is_over.set()
                threads.shutdown(cancel_futures=True)
                raise

    async def _amany(
        self, asked: Sequence[Asked | OssiaError], at_once: int, progress: bool | None
    ) -> list[Reply | OssiaError]:
        _check_at_once(at_once)
        turn = asyncio.Semaphore(at_once)
        with counted("answers", len(asked), progress) as count:

            async def answer(each: Asked | OssiaError) -> Reply | OssiaError:
                async with turn:
                    try:
                        return await self._achat(_raised(each))
                    except OssiaError as error:
                        return error
                    finally:
                        count()

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(answer(each)) for each in asked]
        return [task.result() for task in tasks]

    def _tokens(self, made: Continuation) -> Generator[ScoredText, None, None]:
        with closing(self.chat_model.service.stream(made.request)) as outputs:
            for output in outputs:
                if (token := made.take(output)) is not None:
                    yield token
                if made.is_over:
                    return

    async def _atokens(self, made: Continuation) -> AsyncGenerator[ScoredText, None]:
        async with aclosing(self.chat_model.service.astream(made.request)) as outputs:
            async for output in outputs:
                if (token := made.take(output)) is not None:
                    yield token
                if made.is_over:
                    return

    def _continuation(self, prompt: str | Sequence[int], options: Options) -> Continuation:
        tokenizer = self.chat_model.tokenizer
        return continuation(prompt, understand("", options), tuple(options), tokenizer)

    def _scoring(self, text: str | Sequence[int], num_top: int) -> Continuation:
        tokenizer = self.chat_model.tokenizer
        ids = ids_of(text, tokenizer)
        request = Request(ids, max_tokens=1, score_prompt=True, num_logprobs=num_top)
        return Continuation(request, tokenizer)


def load(name: str = "nano", *, context: int | None = None, backend: str | None = None) -> Model:
    """Loads a model by name or path. The first time, weights are packed for the processor.

    >>> with ossia.load("nano", context=512, backend="reference") as model:
    ...     print(model)
    <ossia.Model nano: 512 tokens of context, backend reference>

    Args:
        name: as ``ossia run`` takes it.
        context: tokens that a conversation may grow to; None is what fits in memory.
        backend: what computes; None is the best that works here.

    Raises:
        OssiaError: the model or the memory cannot be had.
    """
    packing = teller("packing the weights", QUICK)
    return Model(name, ChatModel.load(name, context=context, backend=backend, packing=packing))


def _choices(said: Said, number: int, options: Options) -> list[Asked]:
    """One question so many times, each with its own seed."""
    if number < 1:
        raise InputError(f"the number of choices must be at least 1; it is {number}")
    asked = understand(said, options)
    seed = asked.settings.seed
    seeds = [None if seed is None else (seed + index) % 2**64 for index in range(number)]
    return [replace(asked, settings=replace(asked.settings, seed=one)) for one in seeds]


def _each(questions: Iterable[Said], options: Options) -> list[Asked | OssiaError]:
    """What is asked with each question, or why it cannot be.

    Raises:
        InputError: the options cannot be met, whatever the question.
    """
    if isinstance(questions, str):
        raise InputError(f"a batch is a list of questions; {questions!r:.40} is one")
    understand("", options)
    asked: list[Asked | OssiaError] = []
    for question in questions:
        try:
            asked.append(understand(question, options))
        except OssiaError as error:
            asked.append(error)
    return asked


def _check_at_once(at_once: int) -> None:
    if at_once < 1:
        raise InputError(f"at_once must be at least 1; it is {at_once}")


def _raised(value: T | OssiaError) -> T:
    if isinstance(value, OssiaError):
        raise value
    return value
