"""A tiktoken rank file: a line a token, its bytes in base64 and its rank, which is its id.

The file has no merges. tiktoken merges whatever neighbours form a token, lowest rank first, so
every way of cutting a token into two tokens is a merge of that token's rank.
"""

import base64
import binascii
from pathlib import Path

from ossia.base.errors import TokenizerError
from ossia.tokenizer import o200k
from ossia.tokenizer.byte_level import spell
from ossia.tokenizer.files import read_bounded
from ossia.tokenizer.vocabulary import Vocabulary

_MAX_TOKEN_BYTES = 512  # cutting a token costs its length squared; o200k's longest has 128


def read_rank_file(path: Path) -> Vocabulary:
    """Read a rank file of gpt-oss; the special tokens, which it lacks, are those of harmony.

    Raises:
        TokenizerError: the file is missing, damaged, or of another vocabulary.
    """
    tokens: dict[str, int] = {}
    lines = read_bounded(path).splitlines()
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        token, rank = _parse_line(path, number, line)
        if token in tokens:
            raise TokenizerError(f"{path}: line {number} repeats an earlier token")
        tokens[token] = rank
    if not tokens:
        raise TokenizerError(f"{path}: empty; expected a tiktoken rank file (o200k_base.tiktoken)")
    return Vocabulary(
        origin=str(path),
        tokens=tokens,
        merges=derive_merges(tokens),
        specials=o200k.specials(),
        pre_tokenizer=o200k.pre_tokenizer(),
    )


def _parse_line(path: Path, number: int, line: bytes) -> tuple[str, int]:
    """One line to a token, spelled in the byte-level alphabet, and its rank."""
    try:
        encoded, digits = line.split()
        token, rank = base64.b64decode(encoded, validate=True), int(digits)
    except (ValueError, binascii.Error):
        raise TokenizerError(
            f"{path}: line {number} is not a token in base64 and its rank; "
            "expected a tiktoken rank file (o200k_base.tiktoken)"
        ) from None
    if not 0 <= rank < o200k.NUM_ORDINARY:
        raise TokenizerError(
            f"{path}: line {number} has rank {rank}; expected 0 to {o200k.NUM_ORDINARY - 1}, "
            "as in gpt-oss's vocabulary o200k"
        )
    if not 0 < len(token) <= _MAX_TOKEN_BYTES:
        raise TokenizerError(
            f"{path}: line {number} has a token of {len(token)} bytes; "
            f"expected 1 to {_MAX_TOKEN_BYTES}"
        )
    return spell(token), rank


def derive_merges(tokens: dict[str, int]) -> list[tuple[str, str]]:
    """List the merges that ranks imply.

    Args:
        tokens: rank of every token, spelled one character a byte.

    Returns:
        All pairs of tokens that form a token, by that token's rank, then by their own.
    """
    merges: list[tuple[str, str]] = []
    for token in sorted(tokens, key=tokens.__getitem__):
        cuts = [
            (token[:at], token[at:])
            for at in range(1, len(token))
            if token[:at] in tokens and token[at:] in tokens
        ]
        if len(cuts) > 1:
            cuts.sort(key=lambda pair: (tokens[pair[0]], tokens[pair[1]]))
        merges += cuts
    return merges
