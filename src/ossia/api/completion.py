"""A text that goes on, token by token, without the form of a conversation.

Knows the engine's requests and outputs; knows no messages.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from ossia.api.options import Asked
from ossia.base.errors import InputError, OssiaError
from ossia.chat import Reason, Usage
from ossia.chat.stops import StopStrings
from ossia.engine import End, Finish, Output, Request, Token
from ossia.harmony import stop_token_ids
from ossia.tokenizer import IncrementalDecoder, Tokenizer

_FOR_CHATS = frozenset(["system", "effort", "tools", "tool_choice", "schema", "reasoning_limit"])


@dataclass(frozen=True)
class ScoredText:
    """One token, with what the model expected in its place.

    Attributes:
        text: the characters that it completes, so that all texts joined are the whole; a control
            token's name.
        logprob: natural logarithm of its probability, before any rule of sampling; None where
            nothing was asked or came before.
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
        text: it, up to the stop string or control token that ended it.
        tokens: all that the model made.
        reason: why it ended.
        seed: with it, the same prompt gives the same text.
    """

    text: str
    tokens: tuple[ScoredText, ...] = field(repr=False)
    reason: Reason
    usage: Usage
    seed: int

    def __str__(self) -> str:
        return self.text

    @property
    def token_ids(self) -> list[int]:
        """The ids of its tokens."""
        return [token.token_id for token in self.tokens]


class Continuation:
    """One request of the engine, and what has come of it.

    Attributes:
        is_over: nothing more is needed.
    """

    def __init__(self, request: Request, tokenizer: Tokenizer, stop: Sequence[str] = ()) -> None:
        self.request, self.is_over = request, False
        self.tokens: list[ScoredText] = []
        self._tokenizer, self._decoder = tokenizer, IncrementalDecoder(tokenizer)
        self._stops = StopStrings(stop)
        self._text: list[str] = []
        self._end = End(Finish.STOP)

    @property
    def num_scored(self) -> int:
        """Tokens that are of the prompt, which are all that is wanted where there are any."""
        return len(self.request.prompt_ids) if self.request.score_prompt else 0

    def take(self, output: Output) -> ScoredText | None:
        """One more output of the engine; the token, where it is one.

        Raises:
            OssiaError: the engine could not go on.
        """
        if isinstance(output, End):
            if output.error is not None:
                raise output.error
            self._end, self.is_over = output, True
            return None
        if not isinstance(output, Token):
            return None
        token = self._scored(output)
        self.tokens.append(token)
        if self.num_scored or token.token_id not in self.request.stop_ids:
            self._text.append(self._stops.feed(token.text))
        self.is_over = len(self.tokens) == self.num_scored or self._stops.found is not None
        return token

    def completion(self) -> Completion:
        """All of it.

        Raises:
            OssiaError: it was stopped before its end.
        """
        if not self.is_over:
            raise OssiaError("the text was stopped before its end")
        is_cut = self._stops.found is not None
        rest = "" if is_cut else self._stops.feed(self._decoder.finish()) + self._stops.finish()
        num_prompt = len(self.request.prompt_ids)
        return Completion(
            text="".join(self._text) + rest,
            tokens=tuple(self.tokens),
            reason=Reason.STOP_STRING if is_cut else Reason(self._end.finish),
            usage=Usage(num_prompt, len(self.tokens), 0, self._end.num_cached),
            seed=self.request.sampling.seed,
        )

    def _scored(self, token: Token) -> ScoredText:
        tokenizer, token_id = self._tokenizer, token.token_id
        if tokenizer.is_special(token_id):
            text = self._decoder.finish() + tokenizer.decode([token_id])
        else:
            text = self._decoder.feed(token_id)
        if token.logprobs is None:
            return ScoredText(text, token_id)
        top = tuple((tokenizer.decode([likely]), value) for likely, value in token.logprobs.top)
        return ScoredText(text, token_id, token.logprobs.logprob, top)


def continuation(
    prompt: str | Sequence[int], asked: Asked, options: Sequence[str], tokenizer: Tokenizer
) -> Continuation:
    """What is asked of the engine for a prompt.

    Args:
        options: the names of those that were given.

    Raises:
        InputError: one of them needs a conversation, or the prompt is none.
    """
    if meant := _FOR_CHATS.intersection(options):
        raise InputError(f"{min(meant)} is for conversations; a text is continued without it")
    settings, terms = asked.settings, asked.terms
    seed = secrets.randbits(32) if settings.seed is None else settings.seed
    request = Request(
        ids_of(prompt, tokenizer),
        settings.sampling(seed),
        stop_token_ids(tokenizer),
        settings.max_tokens,
        client=terms.client,
        priority=terms.priority,
        timeout=terms.timeout,
        num_logprobs=settings.num_logprobs,
    )
    return Continuation(request, tokenizer, asked.demands.stop)


def ids_of(prompt: str | Sequence[int], tokenizer: Tokenizer) -> tuple[int, ...]:
    """The token ids of a prompt, as Python's own numbers.

    Raises:
        InputError: it is neither text nor token ids.
    """
    if isinstance(prompt, str):
        return tuple(tokenizer.encode(prompt))
    try:
        return tuple(token_id.__index__() for token_id in prompt)
    except (AttributeError, TypeError):
        raise InputError(f"{prompt!r:.60} is no prompt; expected text or token ids") from None
