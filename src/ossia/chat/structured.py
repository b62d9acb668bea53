"""JSON Schemas as masks over a vocabulary, through llguidance.

Knows schemas and token ids; does not know where in an answer a grammar holds (``harmony``'s
envelope does). Masks are computed on threads of their own while the model computes.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper
from numpy.typing import NDArray

from ossia.base.errors import InputError, ResourceError
from ossia.chat.schema import check_schema
from ossia.harmony.special import END_OF_TEXT
from ossia.tokenizer import Tokenizer

NUM_KEPT = 64
"""Compiled schemas that are kept, the latest used."""

NUM_THREADS = 2
"""Threads that compute masks. A mask takes some 20 µs, so few serve many."""

_OPTIONS: Any = {
    # No \u and no \/: a name has one spelling only, or "\u0061" would be an unknown property where
    # "a" is a known one, and its value would go unchecked.
    "json_allowed_escapes": '"\\bfnrt',
    # White space that a person would write, and never so much that an answer is nothing else.
    "whitespace_pattern": r"(\x20?|\x0A[\x20\x09]{0,24})",
}

Mask = NDArray[np.bool_]


class Grammars:
    """Schemas compiled for one vocabulary, each once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._vocabulary_size = tokenizer.vocabulary_size
        self._end = tokenizer.special(END_OF_TEXT)
        self._tokenizer = LLTokenizer(
            TokenizerWrapper(_Words(tokenizer, self._end)), slices=LLTokenizer.json_slices()
        )
        self._threads = ThreadPoolExecutor(NUM_THREADS, "ossia-mask")
        self._compiled = lru_cache(NUM_KEPT)(self._compile)

    def compile(self, schema: Mapping[str, Any]) -> "SchemaGrammar":
        """The grammar of a schema.

        Raises:
            InputError: the schema cannot be enforced, in part or as a whole.
        """
        return self._compiled(check_schema(schema))

    def _compile(self, schema: str) -> "SchemaGrammar":
        try:
            grammar = LLMatcher.grammar_from_json_schema(schema, overrides=_OPTIONS)
        except ValueError as error:
            raise _unusable(str(error)) from None
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise _unusable(matcher.get_error())
        if matcher.get_grammar_warnings():
            raise _unusable(matcher.get_grammar_warnings()[0])
        return SchemaGrammar(matcher, self._vocabulary_size, self._end, self._threads)


@dataclass(frozen=True, eq=False)
class SchemaGrammar:
    """A compiled schema; each answer starts its own state."""

    matcher: LLMatcher
    vocabulary_size: int
    end: int
    threads: ThreadPoolExecutor

    def start(self) -> "SchemaState":
        """The state before the first token."""
        return SchemaState(self)


@dataclass(frozen=True)
class _Place:
    """Where in the JSON an answer is.

    Attributes:
        mask: ordinary tokens that may come next [vocabulary].
        forced: tokens that must come next.
        is_complete: whether the JSON may end here.
    """

    mask: Mask
    forced: Sequence[int]
    is_complete: bool


class SchemaState:
    """What one answer has said of its JSON, and what may come next.

    What may come after a token is computed as soon as the token is known, on another thread.
    """

    def __init__(self, grammar: SchemaGrammar) -> None:
        self._matcher = grammar.matcher.deep_copy()
        self._grammar = grammar
        self._words = np.zeros(-(-grammar.vocabulary_size // 32), np.uint32)
        self._place: Future[_Place] = grammar.threads.submit(self._compute)

    @property
    def is_ready(self) -> bool:
        """Whether the rest answers at once."""
        return self._place.done()

    @property
    def is_complete(self) -> bool:
        """Whether the JSON may end here. Waits for the mask."""
        return self._place.result().is_complete

    @property
    def is_over(self) -> bool:
        """Whether the JSON has to end here. Waits for the mask."""
        place = self._place.result()
        return place.is_complete and not place.mask.any()

    def mask(self) -> Mask:
        """Ordinary tokens that may come next [vocabulary]. Waits until it is computed.

        Raises:
            ResourceError: the grammar is too large to go on.
        """
        return self._place.result().mask

    def forced(self) -> Sequence[int]:
        """Tokens that must come next, as the tokenizer spells the text that must. Waits, too.

        The last of that text is left out where a token of the vocabulary could begin with it and
        go on with something else: ``"name`` is certain, its ``"`` may be the one of ``":``.

        Raises:
            ResourceError: the grammar is too large to go on.
        """
        return self._place.result().forced

    def accept(self, token_id: int) -> None:
        """Goes on by one token, which the mask allows, or which was forced."""
        self._place = self._grammar.threads.submit(self._compute, self._place, token_id)

    def _compute(self, before: Future[_Place] | None = None, token_id: int = -1) -> _Place:
        """The place after a token, or the first one."""
        if before is not None:
            before.result()  # forced tokens are accepted without waiting, and are taken in turn
            self._matcher.consume_token(token_id)
        forced = self._matcher.compute_ff_tokens()
        words = self._words
        self._matcher.unsafe_compute_mask_ptr(words.ctypes.data, words.nbytes)
        if self._matcher.is_error():
            raise ResourceError(
                "the schema needs more work at this place of the answer than is allowed "
                f"({self._matcher.get_error():.80}); simplify its patterns or bounds"
            )
        bits = np.unpackbits(words.view(np.uint8), bitorder="little")
        mask = bits[: self._grammar.vocabulary_size].view(np.bool_)
        mask[self._grammar.end] = False
        is_complete = self._matcher.is_accepting()
        return _Place(mask, () if is_complete else forced, is_complete)


class _Words:
    """The vocabulary as llguidance wants it."""

    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer, end: int) -> None:
        size = tokenizer.vocabulary_size
        self.eos_token_id = end
        self.special_token_ids = sorted(tokenizer.specials.values())
        self.tokens = [tokenizer.token_bytes(token_id) for token_id in range(size)]
        self._tokenizer = tokenizer

    def __call__(self, text: bytes) -> list[int]:
        return self._tokenizer.encode(text.decode(errors="replace"))


def _unusable(reason: str) -> InputError:
    first = reason.strip().splitlines()[0]
    return InputError(f"the schema cannot be enforced: {first:.160}")
