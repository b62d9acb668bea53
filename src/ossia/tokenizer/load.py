"""From a checkpoint's vocabulary to a Tokenizer, whichever of three forms it has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Engine

from ossia.base.errors import TokenizerError
from ossia.tokenizer.byte_level import unspell
from ossia.tokenizer.tokenizer import Tokenizer


def load_tokenizer(
    *,
    json: Path | None = None,
    ranks: Path | None = None,
    gguf: Mapping[str, Any] | None = None,
) -> Tokenizer:
    """Load a vocabulary."""
    if json is None:
        raise TokenizerError("no vocabulary given; expected a tokenizer.json")
    try:
        engine = Engine.from_file(str(json))
    except Exception as error:
        raise TokenizerError(f"{json}: not a tokenizer.json ({error})") from None
    added = {token.content: i for i, token in engine.get_added_tokens_decoder().items()}
    bare = Engine(engine.model)
    if engine.normalizer is not None:
        bare.normalizer = engine.normalizer
    if engine.pre_tokenizer is not None:
        bare.pre_tokenizer = engine.pre_tokenizer
    return Tokenizer(bare, added, unspell)
