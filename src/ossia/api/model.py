"""A model in a script's hands: ask it, talk with it, continue any text, many at once.

Every method has a twin for event loops whose name begins with ``a``. Calls from many threads and
loops at the same time share the model's steps; each answer is the same as if it were alone.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, Unpack

from ossia.api.options import Asked, Options, Said, settings_of, understand
from ossia.api.reply import Collector, Reply
from ossia.api.talk import Talk
from ossia.base.errors import InputError, OssiaError
from ossia.chat import ChatModel, Event
from ossia.engine import End, Finish, Request, Token
from ossia.harmony import stop_token_ids
from ossia.tokenizer import IncrementalDecoder

AT_ONCE = 16
"""Questions of a batch that are under way at the same time."""


@dataclass(frozen=True)
class ScoredText:
    """One token as text, with what the model expected in its place.

    Attributes:
        logprob: natural logarithm of its probability; None where nothing was asked or came before.
        top: the likeliest tokens in its place, likeliest first.
    """

    text: str
    token_id: int
    logprob: float | None = None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Completion:
    """A text that continues another.

    Attributes:
        tokens: it, token by token.
        reason: ``stop``, ``length``, ``deadline`` or ``closed``.
    """

    text: str
    tokens: tuple[ScoredText, ...]
    reason: Finish

    def __str__(self) -> str:
        return self.text


class Model:
    """A loaded model; see ``load``.

    Attributes:
        chat_model: the rooms below, put together, for those who want to look inside.
    """

    def __init__(self, chat_model: ChatModel) -> None:
        self.chat_model = chat_model

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

    def chat(self, said: Said, **options: Unpack[Options]) -> Reply:
        """The answer to a question, or to a conversation.

        >>> model.chat("What is 27 + 58?", seed=1).text
        '27 + 58 = 85'

        Raises:
            OssiaError: the options cannot be met, or the answer cannot be made.
        """
        return self._chat(understand(said, options))

    def stream(self, said: Said, **options: Unpack[Options]) -> Generator[Event, None, None]:
        """The same, event by event (``ossia.chat``); closing it stops the answer.

        Raises:
            InputError: the options cannot be met; what fails later is an event.
        """
        return self.events(understand(said, options))

    async def achat(self, said: Said, **options: Unpack[Options]) -> Reply:
        """``chat`` for event loops."""
        asked, collector = understand(said, options), Collector()
        async with aclosing(self.aevents(asked)) as events:
            async for event in events:
                collector.take(event)
        return collector.reply(asked.parse)

    def astream(self, said: Said, **options: Unpack[Options]) -> AsyncGenerator[Event, None]:
        """``stream`` for event loops."""
        return self.aevents(understand(said, options))

    def talk(self, **options: Unpack[Options]) -> Talk:
        """A conversation that remembers, and calls the functions that are its tools."""
        understand("", options)  # what cannot be met is told at once
        return Talk(self, options)

    def choices(self, said: Said, number: int, **options: Unpack[Options]) -> list[Reply]:
        """So many answers to one question, whose reading they share. Seeds follow each other."""
        asked = understand(said, options)
        seed = asked.settings.seed
        seeds = [None if seed is None else seed + index for index in range(number)]
        each = [replace(asked, settings=replace(asked.settings, seed=one)) for one in seeds]
        return [_raised(reply) for reply in self._many(each, number, None)]

    def batch(
        self,
        questions: Sequence[Said],
        *,
        at_once: int = AT_ONCE,
        progress: bool | None = None,
        **options: Unpack[Options],
    ) -> list[Reply | OssiaError]:
        """Answers to many questions, in their order; one that failed is its error.

        Args:
            at_once: how many are under way at the same time.
            progress: whether a bar shows how many are done; None is on a terminal only.
        """
        asked = [understand(question, options) for question in questions]
        return self._many(asked, at_once, progress)

    async def abatch(
        self, questions: Sequence[Said], *, at_once: int = AT_ONCE, **options: Unpack[Options]
    ) -> list[Reply | OssiaError]:
        """``batch`` for event loops, without a bar."""
        turn = asyncio.Semaphore(at_once)

        async def answer(question: Said) -> Reply | OssiaError:
            async with turn:
                try:
                    return await self.achat(question, **options)
                except OssiaError as error:
                    return error

        return await asyncio.gather(*(answer(question) for question in questions))

    def generate(
        self,
        prompt: str | Sequence[int],
        *,
        num_logprobs: int | None = None,
        **options: Unpack[Options],
    ) -> Completion:
        """A text that continues another, without the form of a conversation.

        Args:
            prompt: text, or token ids, which may be control tokens.
            num_logprobs: likeliest tokens told beside each; 0 for its own only; None is off.

        Raises:
            OssiaError: the prompt is empty or too long, or the text cannot be made.
        """
        tokens: list[ScoredText] = []
        stream = self.chat_model.service.stream(self._request(prompt, num_logprobs, options))
        with closing(stream):
            for output in stream:
                if isinstance(output, Token):
                    tokens.append(self._scored(output))
                elif isinstance(output, End):
                    return self._completion(tokens, output)
        raise OssiaError("the text was stopped before its end")

    async def agenerate(
        self,
        prompt: str | Sequence[int],
        *,
        num_logprobs: int | None = None,
        **options: Unpack[Options],
    ) -> Completion:
        """``generate`` for event loops."""
        tokens: list[ScoredText] = []
        stream = self.chat_model.service.astream(self._request(prompt, num_logprobs, options))
        async with aclosing(stream):
            async for output in stream:
                if isinstance(output, Token):
                    tokens.append(self._scored(output))
                elif isinstance(output, End):
                    return self._completion(tokens, output)
        raise OssiaError("the text was stopped before its end")

    def score(self, text: str | Sequence[int], *, num_top: int = 0) -> list[ScoredText]:
        """How much the model expected each token of a text, after those before it.

        Args:
            num_top: likeliest tokens told beside each.

        Raises:
            OssiaError: the text is empty or fills the whole context.
        """
        ids = self._ids(text)
        request = Request(tuple(ids), max_tokens=1, score_prompt=True, num_logprobs=num_top)
        found: list[ScoredText] = []
        with closing(self.chat_model.service.stream(request)) as stream:
            for output in stream:
                if isinstance(output, Token) and len(found) < len(ids):
                    found.append(self._scored(output))
                elif isinstance(output, End) and output.error is not None:
                    raise output.error
        return found

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

    def _many(
        self, asked: Sequence[Asked], at_once: int, progress: bool | None
    ) -> list[Reply | OssiaError]:
        if at_once < 1:
            raise InputError(f"at_once must be at least 1; it is {at_once}")
        is_over = threading.Event()  # Ctrl-C reaches this thread alone

        def answer(each: Asked) -> Reply | OssiaError:
            try:
                return self._chat(each, is_over)
            except OssiaError as error:
                return error

        with ThreadPoolExecutor(at_once, "ossia-batch") as threads:
            try:
                replies = threads.map(answer, asked)
                return list(_shown(replies, len(asked), progress))
            except BaseException:
                is_over.set()
                threads.shutdown(cancel_futures=True)
                raise

    def _ids(self, text: str | Sequence[int]) -> list[int]:
        return self.encode(text) if isinstance(text, str) else list(text)

    def _request(
        self, prompt: str | Sequence[int], num_logprobs: int | None, options: Options
    ) -> Request:
        asked = understand("", options)
        refused = {"system", "effort", "tools", "tool_choice", "schema", "reasoning_limit", "stop"}
        if meant := refused & options.keys():
            raise InputError(f"{min(meant)} is for conversations; a text is continued without it")
        seed = asked.settings.seed
        return Request(
            tuple(self._ids(prompt)),
            settings_of(options).sampling(seed or 0),
            stop_token_ids(self.chat_model.tokenizer),
            asked.settings.max_tokens,
            client=asked.terms.client,
            priority=asked.terms.priority,
            timeout=asked.terms.timeout,
            num_logprobs=num_logprobs,
        )

    def _scored(self, token: Token) -> ScoredText:
        def spell(token_id: int) -> str:
            return self.chat_model.tokenizer.token_bytes(token_id).decode(errors="replace")

        if token.logprobs is None:
            return ScoredText(spell(token.token_id), token.token_id)
        top = tuple((spell(token_id), logprob) for token_id, logprob in token.logprobs.top)
        return ScoredText(spell(token.token_id), token.token_id, token.logprobs.logprob, top)

    def _completion(self, tokens: list[ScoredText], end: End) -> Completion:
        if end.error is not None:
            raise end.error
        tokenizer = self.chat_model.tokenizer
        decoder = IncrementalDecoder(tokenizer)
        ids = [token.token_id for token in tokens if not tokenizer.is_special(token.token_id)]
        text = "".join(decoder.feed(token_id) for token_id in ids) + decoder.finish()
        return Completion(text, tuple(tokens), end.finish)


def load(name: str = "nano", *, context: int | None = None, backend: str | None = None) -> Model:
    """Loads a model by name or path. The first time, weights are packed for the processor.

    Args:
        name: as ``ossia run`` takes it.
        context: tokens that a conversation may grow to; None is what fits in memory.
        backend: what computes; None is the best that works here.

    Raises:
        OssiaError: the model or the memory cannot be had.
    """
    is_shown = sys.stderr is not None and sys.stderr.isatty()

    def tell(done: int, total: int) -> None:
        if is_shown:
            share, end = 100 * done // max(total, 1), "\n" if done == total else ""
            sys.stderr.write(f"\rpacking the weights, once: {share}%{end}")
            sys.stderr.flush()

    return Model(ChatModel.load(name, context=context, backend=backend, packing=tell))


def _shown(
    replies: Iterable[Reply | OssiaError], total: int, progress: bool | None
) -> Iterable[Reply | OssiaError]:
    """The same, with a bar beside it."""
    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
    if not progress:
        return replies
    from rich.console import Console
    from rich.progress import track

    return track(replies, "answers", total, console=Console(stderr=True))


def _raised(reply: Reply | OssiaError) -> Reply:
    if isinstance(reply, OssiaError):
        raise reply
    return reply
