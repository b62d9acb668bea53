"""What a vocabulary file says, in one form, and the tokenizer that is made of it.

It checks what the three readers bring, for all three alike, and keeps special tokens out of the
encoding engine: what the engine does not know, no text can become. It does not know any file
format.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tokenizers import AddedToken, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Engine
from tokenizers.models import BPE

from ossia.base.errors import TokenizerError
from ossia.tokenizer.byte_level import ALPHABET, FALLBACK, unspell, unspell_fallback
from ossia.tokenizer.tokenizer import Tokenizer

_MAX_ID = 2**31 - 1  # ids are int32 in the model
_CONTROL = re.compile(r"<\|\w+\|>")


@dataclass(frozen=True)
class Vocabulary:
    """A byte-pair vocabulary as its file describes it.

    Attributes:
        origin: the file, for error messages.
        tokens: ids of the ordinary tokens, as the file spells them.
        merges: the pairs that may be merged, the first first.
        specials: ids of the special tokens, in plain text.
        words: words that were added whole, in plain text; matched in text before any merging.
        bounded_words: those of them that match only between word boundaries.
        normalizer: changes the text first.
        pre_tokenizer: splits it then.
        is_byte_level: whether tokens are spelled in the byte-level alphabet; else they are plain
            text with byte fallback.
        prefers_whole: whether a split piece that is a token is that token, whatever its merges
            would give (``ignore_merges`` in tokenizer.json; what tiktoken does).
    """

    origin: str
    tokens: dict[str, int]
    merges: list[tuple[str, str]]
    specials: Mapping[str, int]
    words: Mapping[str, int] = field(default_factory=dict)
    bounded_words: frozenset[str] = frozenset()
    normalizer: normalizers.Normalizer | None = None
    pre_tokenizer: pre_tokenizers.PreTokenizer | None = None
    is_byte_level: bool = True
    prefers_whole: bool = True


def build(vocabulary: Vocabulary) -> Tokenizer:
    """Make the tokenizer.

    Raises:
        TokenizerError: a token has two ids or an id two tokens, an id is out of range, a byte has
            no token, or a merge names a token that does not exist.
    """
    _check_one_id_each(vocabulary)
    read = unspell if vocabulary.is_byte_level else unspell_fallback
    specials = _all_specials(vocabulary)
    words = {
        word: token_id
        for word, token_id in vocabulary.words.items()
        if word and word not in specials and _is_plain(word, vocabulary, read)
    }
    tokens = {t: i for t, i in vocabulary.tokens.items() if t not in specials} | words
    _check_ids(vocabulary, {**tokens, **specials})
    _check_bytes(vocabulary, tokens)
    engine = Engine(_model(vocabulary, tokens, specials))
    if vocabulary.normalizer is not None:
        engine.normalizer = vocabulary.normalizer
    if vocabulary.pre_tokenizer is not None:
        engine.pre_tokenizer = vocabulary.pre_tokenizer
    bounded = vocabulary.bounded_words
    # A word that the model already has keeps its id when it is added.
    engine.add_tokens([AddedToken(w, single_word=w in bounded, normalized=False) for w in words])
    return Tokenizer(engine, plain={**words, **specials}, specials=specials, unspell=read)


def _is_plain(word: str, vocabulary: Vocabulary, read: Callable[[str], bytes]) -> bool:
    """Whether a word, matched as plain text, also decodes to itself.

    It does not where it is a token of the model too and that token's spelling means other bytes:
    then it stays an ordinary token.
    """
    return word not in vocabulary.tokens or read(word) == word.encode(errors="replace")


def _all_specials(vocabulary: Vocabulary) -> dict[str, int]:
    """List the declared special tokens, and whatever else is spelled like one.

    A file that calls ``<|start|>`` an ordinary word, by mistake or on purpose, would let a user's
    text open a message.
    """
    spelled_so = {
        token: token_id
        for source in (vocabulary.tokens, vocabulary.words)
        for token, token_id in source.items()
        if token.startswith("<|") and _CONTROL.fullmatch(token)
    }
    return spelled_so | {name: i for name, i in vocabulary.specials.items() if name}


def _check_one_id_each(vocabulary: Vocabulary) -> None:
    """Two parts of a file may name the same token, but not differ about it."""
    known = vocabulary.tokens
    for added in (vocabulary.words, vocabulary.specials):
        for token, token_id in added.items():
            if known.get(token, token_id) != token_id:
                raise TokenizerError(
                    f"{vocabulary.origin}: the token {token!r:.60} has two ids, "
                    f"{known[token]} and {token_id}"
                )


def _check_ids(vocabulary: Vocabulary, ids: Mapping[str, int]) -> None:
    if len(set(ids.values())) != len(ids):
        owner: dict[int, str] = {}
        for token, token_id in ids.items():
            if (other := owner.setdefault(token_id, token)) is not token:
                raise TokenizerError(
                    f"{vocabulary.origin}: the tokens {other!r:.60} and {token!r:.60} "
                    f"have the same id {token_id}"
                )
    for wrong in (min(ids.values(), default=0), max(ids.values(), default=0)):
        if not 0 <= wrong <= _MAX_ID:
            raise TokenizerError(
                f"{vocabulary.origin}: a token has the id {wrong}; expected 0 to {_MAX_ID}"
            )


def _check_bytes(vocabulary: Vocabulary, tokens: Mapping[str, int]) -> None:
    """Every byte needs a token, or text with that byte would be lost without a word."""
    wanted = ALPHABET if vocabulary.is_byte_level else FALLBACK
    missing = [byte for byte, token in enumerate(wanted) if token not in tokens]
    if missing:
        raise TokenizerError(
            f"{vocabulary.origin}: {len(missing)} of the 256 bytes have no token (such as "
            f"0x{missing[0]:02X}); expected a byte-level BPE vocabulary"
        )


def _model(vocabulary: Vocabulary, tokens: dict[str, int], specials: Mapping[str, int]) -> BPE:
    merges = vocabulary.merges
    if not specials.keys().isdisjoint(vocabulary.tokens):  # merges must not lead to what was taken
        merges = [
            (a, b)
            for a, b in merges
            if a not in specials and b not in specials and a + b not in specials
        ]
    try:
        return BPE(
            tokens,
            merges,
            ignore_merges=vocabulary.prefers_whole and vocabulary.is_byte_level,
            byte_fallback=not vocabulary.is_byte_level,
        )
    except Exception as error:  # the library knows no narrower class
        raise TokenizerError(
            f"{vocabulary.origin}: the merges are broken: {error!s:.200}"
        ) from None
