"""From a checkpoint's vocabulary to a Tokenizer, whichever of three forms it has."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ossia.base.errors import TokenizerError
from ossia.tokenizer.gguf_metadata import read_gguf_metadata
from ossia.tokenizer.rank_file import read_rank_file
from ossia.tokenizer.tokenizer import Tokenizer
from ossia.tokenizer.tokenizer_json import read_tokenizer_json
from ossia.tokenizer.vocabulary import build


def load_tokenizer(
    *,
    json: Path | None = None,
    ranks: Path | None = None,
    gguf: Mapping[str, Any] | None = None,
) -> Tokenizer:
    """Load the vocabulary of a checkpoint; exactly one form is given.

    Args:
        json: a Hugging Face ``tokenizer.json``.
        ranks: a tiktoken rank file (``o200k_base.tiktoken``).
        gguf: GGUF metadata by full key names, arrays as Python lists; a tokenizer.json in it
            (``tokenizer.huggingface.json``) is used before its other keys.

    Raises:
        TokenizerError: the vocabulary is missing, damaged, or not a byte-pair vocabulary.
    """
    with _without_collector():
        return _load(json, ranks, gguf)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Hundreds of thousands of lists are made at once, and none is garbage: a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load(json: Path | None, ranks: Path | None, gguf: Mapping[str, Any] | None) -> Tokenizer:
    match json, ranks, gguf:
        case Path(), None, None:
            return build(read_tokenizer_json(json))
        case None, Path(), None:
            return build(read_rank_file(ranks))
        case None, None, Mapping():
            return build(read_gguf_metadata(gguf))
        case None, None, None:
            raise TokenizerError(
                "the checkpoint has no vocabulary; put its tokenizer.json beside the weights"
            )
        case _:
            raise TokenizerError("the checkpoint names several vocabularies; expected one")
