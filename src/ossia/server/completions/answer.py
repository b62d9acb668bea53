"""The engine's tokens to Completions' objects: chunks of a stream, or the whole. Pure.

Source: OpenAI's API reference, the completion object. Control tokens are shown by their names, as
prompts may write them, save the one that ends the text. In ``logprobs`` that one has its place:
evaluation harnesses count tokens.
"""

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ossia.chat.stops import StopStrings
from ossia.engine import End, Finish, Output, Request, Token
from ossia.server.completions.translate import Continuation
from ossia.server.sampling import sayable
from ossia.tokenizer import IncrementalDecoder, Tokenizer

_Json = dict[str, Any]


@dataclass(frozen=True)
class Head:
    """What every object of one answer begins with."""

    model: str
    fingerprint: str
    id: str = field(default_factory=lambda: f"cmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def to_json(self) -> _Json:
        """The fields that stay the same."""
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }


@dataclass(frozen=True)
class _Piece:
    """What became certain at once: text, and the tokens that begin in it."""

    text: str
    tokens: tuple[tuple[int, Token], ...] = ()  # each with the character it begins at


class Choice:
    """One continuation, from what the engine gives out.

    Attributes:
        num_made: tokens that the model made.
        num_cached: tokens of the prompt that were not computed again.
        is_over: no more outputs are needed.
    """

    def __init__(self, index: int, asked: Continuation, tokenizer: Tokenizer) -> None:
        self._index, self._asked, self._tokenizer = index, asked, tokenizer
        self._decoder = IncrementalDecoder(tokenizer)
        self._stops = StopStrings(asked.stop)
        self._pieces: list[_Piece] = []
        self._waiting: list[tuple[int, Token]] = []
        self._num_seen = self._num_given = 0  # characters
        self._num_scored = len(asked.request.prompt_ids) if asked.request.score_prompt else 0
        self._finish_reason: str | None = None
        self.num_made = self.num_cached = 0
        self.is_over = self._is_told = False
        if asked.is_echoed and not self._num_scored:
            for token_id in asked.request.prompt_ids:
                self._see(Token(token_id))
            self._give(self._decoder.finish())

    @property
    def request(self) -> Request:
        """What the engine is asked for."""
        return self._asked.request

    @property
    def num_prompt(self) -> int:
        """Tokens of the prompt."""
        return len(self.request.prompt_ids)

    def take(self, output: Output) -> None:
        """One more output of the engine.

        Raises:
            OssiaError: the engine failed.
        """
        match output:
            case Token() if self._num_scored:
                self._num_scored -= 1
                self._see(output)
                if not self._num_scored:
                    self._give(self._decoder.finish())
            case Token():
                self._make(output)
            case End():
                if output.error is not None:
                    raise output.error
                self._end("stop" if output.finish is Finish.STOP else "length")

    def pieces(self) -> list[_Json]:
        """What a stream says of what came since it was last asked."""
        new, self._pieces = self._pieces, []
        is_news = bool(new) or (self.is_over and not self._is_told)
        self._is_told = self.is_over
        return [self._choice(new)] if is_news else []

    def whole(self) -> _Json:
        """The choice as one object, if its pieces were never taken."""
        return self._choice(self._pieces)

    def _choice(self, pieces: Sequence[_Piece]) -> _Json:
        return {
            "index": self._index,
            "text": "".join(piece.text for piece in pieces),
            "logprobs": self._logprobs([pair for piece in pieces for pair in piece.tokens]),
            "finish_reason": self._finish_reason,
        }

    def _make(self, token: Token) -> None:
        """A token that the model made."""
        self.num_made += 1
        if self._asked.is_prompt_only:
            return
        if token.token_id in self.request.stop_ids:
            self._end("stop")
            self._pieces.append(_Piece("", ((self._num_given, token),)))
            return
        self._waiting.append((self._num_seen, token))
        text = self._decoder.feed(token.token_id)
        self._num_seen += len(text)
        self._give(self._stops.feed(text))
        if self._stops.found is not None:
            self._end("stop")

    def _see(self, token: Token) -> None:
        """A token of the prompt, in which no stop string is looked for."""
        self._waiting.append((self._num_seen, token))
        text = self._decoder.feed(token.token_id)
        self._num_seen += len(text)
        self._give(text)

    def _give(self, text: str) -> None:
        """Text that is certain, with the tokens that begin in it."""
        self._num_given += len(text)
        self._num_seen = max(self._num_seen, self._num_given)
        begun = [pair for pair in self._waiting if pair[0] < self._num_given]
        if text or begun:
            self._waiting = self._waiting[len(begun) :]
            self._pieces.append(_Piece(text, tuple(begun)))

    def _end(self, reason: str) -> None:
        if self._finish_reason is None:
            if self._stops.found is None:
                self._give(self._stops.feed(self._decoder.finish()))
                self._give(self._stops.finish())
            self._finish_reason = reason
        self.is_over = True

    def _logprobs(self, tokens: Iterable[tuple[int, Token]]) -> _Json | None:
        num_top = self.request.num_logprobs
        if num_top is None:
            return None
        tokens = list(tokens)
        return {
            "tokens": [self._name(token.token_id) for _, token in tokens],
            "token_logprobs": [
                token.logprobs and sayable(token.logprobs.logprob) for _, token in tokens
            ],
            "top_logprobs": [self._top(token) for _, token in tokens],
            "text_offset": [start for start, _ in tokens],
        }

    def _top(self, token: Token) -> dict[str, float] | None:
        """The likeliest tokens, and the one that stands there if it is none of them."""
        if token.logprobs is None:
            return None
        top = {self._name(token_id): sayable(logprob) for token_id, logprob in token.logprobs.top}
        return top | {self._name(token.token_id): sayable(token.logprobs.logprob)}

    def _name(self, token_id: int) -> str:
        """A token as text; one that is no whole characters as its bytes."""
        spelling = self._tokenizer.token_bytes(token_id)
        try:
            return spelling.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in spelling)


def chunk(head: Head, choices: Sequence[_Json], usage: _Json | None, *, has_usage: bool) -> _Json:
    """One object of a stream; where usage was asked for, all but the last have null there."""
    told = {"usage": usage} if has_usage else {}
    return head.to_json() | {"choices": list(choices)} | told


def completion(head: Head, choices: Sequence[Choice], num_each: int) -> _Json:
    """All texts as one object; see ``usage_of``."""
    whole = {"choices": [choice.whole() for choice in choices]}
    return head.to_json() | whole | {"usage": usage_of(choices, num_each)}


def usage_of(choices: Sequence[Choice], num_each: int) -> _Json:
    """Tokens of all choices, of which ``num_each`` in a row share a prompt that counts once."""
    prompt = sum(choice.num_prompt for choice in choices[::num_each])
    made = sum(choice.num_made for choice in choices)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": made,
        "total_tokens": prompt + made,
        "prompt_tokens_details": {
            "cached_tokens": sum(choice.num_cached for choice in choices[::num_each])
        },
    }
