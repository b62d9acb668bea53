"""Which tokens a piece of text is made of, where the engine told what it expected in their place.

It knows tokens in order and how many characters went before; it does not know why text waits.
"""

from collections import deque

from ossia.chat.events import ScoredToken
from ossia.engine import Token
from ossia.tokenizer import Tokenizer


class Scores:
    """The tokens of one message to the user that are not given out yet."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._waiting: deque[tuple[int, ScoredToken]] = deque()  # with the character it begins at
        self._num_made = self._num_taken = 0  # characters

    def add(self, token: Token, text: str) -> None:
        """One more token, with the characters that it completes."""
        if token.logprobs is not None and not self._tokenizer.is_special(token.token_id):
            spell = self._tokenizer.token_bytes
            top = tuple((spell(token_id), logprob) for token_id, logprob in token.logprobs.top)
            scored = ScoredToken(spell(token.token_id), token.logprobs.logprob, top)
            self._waiting.append((self._num_made, scored))
        self._num_made += len(text)

    def take(self, text: str) -> tuple[ScoredToken, ...]:
        """The tokens that begin in the next piece of text that is given out."""
        self._num_taken += len(text)
        taken: list[ScoredToken] = []
        while self._waiting and self._waiting[0][0] < self._num_taken:
            taken.append(self._waiting.popleft()[1])
        return tuple(taken)

    def clear(self) -> None:
        """The message is over; what waits is part of a stop string."""
        self._waiting.clear()
        self._num_made = self._num_taken = 0
