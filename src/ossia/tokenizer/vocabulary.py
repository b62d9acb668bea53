"""What a vocabulary file says, in one form, and the tokenizer that is made of it.

It checks what the three readers bring, for all three alike, and keeps special tokens out of the
encoding engine: what the engine does not know, no text can become. It does not know any file
format.
"""

import re
from collections.abc import Callable, Mapping, Set
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
        TokenizerError: a token is no text, a token has two ids or an id two tokens, an id is out
            of range, a byte has no token, or a merge names a token that does not exist.
    """
    _check_text(vocabulary)
    _check_one_id_each(vocabulary)
    read = unspell if vocabulary.is_byte_level else unspell_fallback
    specials = _all_specials(vocabulary)
    added = {w: i for w, i in vocabulary.words.items() if w and w not in specials}
    words = {word: i for word, i in added.items() if _is_plain(word, vocabulary, read)}
    tokens = {t: i for t, i in vocabulary.tokens.items() if t not in specials} | added
    _check_ids(vocabulary, {**tokens, **specials})
    _check_bytes(vocabulary, tokens)
    taken = specials.keys() & vocabulary.tokens.keys()
    taken |= {word for word in words if read(word) != word.encode()}
    engine = Engine(_model(vocabulary, tokens, taken))
    if vocabulary.normalizer is not None:
        engine.normalizer = vocabulary.normalizer
    if vocabulary.pre_tokenizer is not None:
        engine.pre_tokenizer = vocabulary.pre_tokenizer
    bounded = vocabulary.bounded_words
    # A word that the model already has keeps its id when it is added.
    engine.add_tokens([AddedToken(w, single_word=w in bounded, normalized=False) for w in words])
    return Tokenizer(engine, plain={**words, **specials}, specials=specials, unspell=read)


def _is_plain(word: str, vocabulary: Vocabulary, read: Callable[[str], bytes]) -> bool:
    """Whether a word is plain text and not, as ordinary tokens are, a spelling of bytes.

    Most can only be one of the two. Of the others ``café`` is plain, for it would spell broken
    UTF-8; ``Ġhello`` and the token of a single byte are spellings, and stay ordinary tokens.
    """
    spelled = read(word)
    if spelled == word.encode():
        return True
    try:
        spelled.decode()
    except UnicodeDecodeError:
        return len(word) > 1 and word not in vocabulary.tokens
    return False


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


def _check_text(vocabulary: Vocabulary) -> None:
    """JSON can spell half of a surrogate pair, which no UTF-8 can."""
    try:
        for part in (vocabulary.tokens, vocabulary.words, vocabulary.specials):
            "".join(part).encode()
    except UnicodeEncodeError:
        raise TokenizerError(
            f"{vocabulary.origin}: a token holds half of a surrogate pair, which is no text"
        ) from None


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


def _model(vocabulary: Vocabulary, tokens: dict[str, int], taken: Set[str]) -> BPE:
    merges = vocabulary.merges
    if taken:  # no merge may lead to these tokens, nor over them
        merges = [(a, b) for a, b in merges if taken.isdisjoint((a, b, a + b))]
    try:
        return BPE(
            tokens,
            merges,
            ignore_merges=vocabulary.prefers_whole and vocabulary.is_byte_level,
            byte_fallback=not vocabulary.is_byte_level,
        )
    except Exception:  # the library knows no narrower class
        broken = next(((a, b) for a, b in merges if not {a, b, a + b} <= tokens.keys()), None)
        raise TokenizerError(
            f"{vocabulary.origin}: the merges are broken: {broken!r:.80} names an unknown token"
        ) from None
