"""The tokenizer that every vocabulary becomes, whatever file it was read from.

It knows an encoding engine without special tokens, the special tokens by name, and the bytes of
every token. It does not know files (``load``), nor what a special token means (``ossia.harmony``).
"""

from collections.abc import Callable, Iterable, Mapping, Set
from types import MappingProxyType

from tokenizers import Tokenizer as Engine

from ossia.base.errors import TokenizerError

UNKNOWN = "\N{REPLACEMENT CHARACTER}".encode()
"""The bytes of an id that no token has."""


class _Bytes(dict[int, bytes]):
    """Bytes by token id, found when first asked for: a start need not spell 200,000 tokens.

    An id that no token has is answered and not kept: nothing that a model says can make it grow.
    """

    def __init__(
        self, engine: Engine, plain: Mapping[str, int], unspell: Callable[[str], bytes]
    ) -> None:
        super().__init__({token_id: token.encode() for token, token_id in plain.items()})
        self._spelling = engine.id_to_token
        self._unspell = unspell

    def __missing__(self, token_id: int) -> bytes:
        spelling = self._spelling(token_id) if 0 <= token_id < 1 << 31 else None
        if spelling is None:
            return UNKNOWN
        return self.setdefault(token_id, self._unspell(spelling))


class Tokenizer:
    """Text to ids and back.

    An id that no token has (a model's rows are often padded beyond its vocabulary) decodes to
    U+FFFD: the reader sees that something was said that has no text, and nothing raises.

    Attributes:
        vocabulary_size: the highest id + 1, special tokens included. Not every id below it need
            be a token.
        ordinary_ids: those of the tokens that stand for text.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        plain: Mapping[str, int],
        specials: Mapping[str, int],
        unspell: Callable[[str], bytes],
    ) -> None:
        """Put the parts together; use ``load_tokenizer``.

        Args:
            engine: encodes ordinary text; it knows no special token.
            plain: ids of the tokens that are spelled as plain text.
            specials: ids of the special tokens by name.
            unspell: the bytes of any other token's spelling.
        """
        ids = frozenset(engine.get_vocab(with_added_tokens=True).values())
        self.vocabulary_size: int = max((*ids, *specials.values())) + 1
        self.ordinary_ids: Set[int] = ids.difference(specials.values())
        self._engine = engine
        self._specials = MappingProxyType(dict(specials))
        self._special_ids = frozenset(specials.values())
        self._bytes = _Bytes(engine, plain, unspell)

    def encode(self, text: str) -> list[int]:
        """Give the ids of a text; never a special token, whatever the text spells.

        Lone surrogates (undecodable bytes of a command line) count as U+FFFD.

        Raises:
            TokenizerError: the vocabulary's own pattern gave up on the text, as the best of them
                do on a word of many million characters.
        """
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        try:
            ids: list[int] = self._engine.encode(text, add_special_tokens=False).ids
        except BaseException as error:
            # A panic of the library is no Exception, and its class cannot be imported.
            if type(error).__name__ != "PanicException":
                raise
            raise TokenizerError(
                f"this text of {len(text)} characters cannot be split into tokens ({error!s:.80})"
            ) from None
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids: special tokens by their names, invalid UTF-8 as U+FFFD."""
        table = self._bytes
        return b"".join([table[token_id] for token_id in ids]).decode("utf-8", errors="replace")

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes that an id stands for, which need not be whole characters."""
        return self._bytes[token_id]

    @property
    def specials(self) -> Mapping[str, int]:
        """Ids of the special tokens by name."""
        return self._specials

    def special(self, name: str) -> int:
        """The id of a special token.

        Raises:
            TokenizerError: the vocabulary has no special token of this name.
        """
        try:
            return self._specials[name]
        except KeyError:
            raise TokenizerError(
                f"the vocabulary has no special token {name}; "
                "expected the vocabulary of a gpt-oss, which speaks the harmony format"
            ) from None

    def is_special(self, token_id: int) -> bool:
        """Whether an id is a special token's."""
        return token_id in self._special_ids
