"""The vocabulary in GGUF metadata: the keys ``tokenizer.ggml.*``, or a whole tokenizer.json.

Source: ggml's GGUF specification, "Tokenizer". It knows the meaning of the keys; reading them from
a file is ``ossia.checkpoint``'s.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, TypeVar

from ossia.base.errors import TokenizerError
from ossia.tokenizer import o200k
from ossia.tokenizer.tokenizer_json import parse_tokenizer_json
from ossia.tokenizer.vocabulary import Vocabulary

ORIGIN = "GGUF metadata"
HF_JSON = "tokenizer.huggingface.json"
_PREFIX = "tokenizer.ggml."
_T = TypeVar("_T")


class TokenType(IntEnum):
    """Values of ``tokenizer.ggml.token_type``."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5  # a row of a padded embedding, under a made-up name
    BYTE = 6  # of SentencePiece vocabularies only


def read_gguf_metadata(metadata: Mapping[str, Any]) -> Vocabulary:
    """Read the vocabulary of a gpt-oss from GGUF metadata.

    A whole tokenizer.json in it is used before the ``ggml`` keys, which were made from it and
    cannot say how another vocabulary than o200k splits text; for o200k both give the same ids.

    Args:
        metadata: the keys by their full names; arrays are Python lists.

    Raises:
        TokenizerError: a key is missing, has a wrong type, or is of another kind of vocabulary.
    """
    if HF_JSON in metadata:
        return _from_hf_json(metadata[HF_JSON])
    _expect(metadata, "model", "gpt2")
    _expect(metadata, "pre", "gpt-4o")
    names = _list(metadata, "tokens", str)
    by_type = _by_type(names, _token_types(metadata, len(names)))
    return Vocabulary(
        origin=ORIGIN,
        tokens=by_type[TokenType.NORMAL],
        merges=_merges(metadata),
        specials=by_type[TokenType.CONTROL] | by_type[TokenType.UNKNOWN],
        words=by_type[TokenType.USER_DEFINED],
        pre_tokenizer=o200k.pre_tokenizer(),
    )


def _from_hf_json(text: Any) -> Vocabulary:
    origin = f"{ORIGIN}, {HF_JSON}"
    if not isinstance(text, str):
        raise TokenizerError(f"{origin}: expected the text of a tokenizer.json")
    return parse_tokenizer_json(text.encode("utf-8", "surrogatepass"), origin=origin)


def _by_type(names: list[str], types: list[int]) -> dict[TokenType, dict[str, int]]:
    by_type: dict[TokenType, dict[str, int]] = {kind: {} for kind in TokenType}
    first: dict[str, int] = {}
    for token_id, (name, number) in enumerate(zip(names, types, strict=True)):
        if number not in by_type or number == TokenType.BYTE:
            raise TokenizerError(
                f"{ORIGIN}: token {token_id} has type {number}; expected 1 (normal) to 5 (unused)"
            )
        kind = TokenType(number)
        if kind is not TokenType.UNUSED and first.setdefault(name, token_id) != token_id:
            raise TokenizerError(
                f"{ORIGIN}: tokens {first[name]} and {token_id} are the same, {name!r:.60}"
            )
        by_type[kind][name] = token_id
    return by_type


def _token_types(metadata: Mapping[str, Any], num_tokens: int) -> list[int]:
    """Types of all tokens; files of old converters lack them, and all are normal then."""
    if _PREFIX + "token_type" not in metadata:
        return [TokenType.NORMAL] * num_tokens
    types = _list(metadata, "token_type", int)
    if len(types) != num_tokens:
        raise TokenizerError(
            f"{ORIGIN}: {len(types)} token types for {num_tokens} tokens; expected one each"
        )
    return types


def _merges(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    merges = []
    for number, line in enumerate(_list(metadata, "merges", str)):
        first, space, second = line.partition(" ")
        if not (first and space and second) or " " in second:
            raise TokenizerError(
                f"{ORIGIN}: merge {number} is {line!r:.60}; expected two tokens and one space"
            )
        merges.append((first, second))
    return merges


def _expect(metadata: Mapping[str, Any], key: str, value: str) -> None:
    found = metadata.get(_PREFIX + key)
    if found != value:
        raise TokenizerError(
            f"{ORIGIN}: {_PREFIX}{key} is {found!r:.60}; expected {value!r}, as gpt-oss has it"
        )


def _list(metadata: Mapping[str, Any], key: str, kind: type[_T]) -> list[_T]:
    found = metadata.get(_PREFIX + key)
    if not isinstance(found, list) or not all(
        isinstance(item, kind) and not isinstance(item, bool) for item in found
    ):
        told = "missing" if found is None else "broken"
        raise TokenizerError(
            f"{ORIGIN}: {_PREFIX}{key} is {told}; expected a list of {kind.__name__}"
        )
    return found
