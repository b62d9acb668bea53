"""A model's tokenizer without the model, and tokens as people may look at them.

Knows checkpoints by their headers; reads no weight.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ossia.checkpoint import open_checkpoint
from ossia.tokenizer import Tokenizer, load_tokenizer

NEARBY = 8
"""Tokens that are shown with what was mended: those before it, and itself last."""


@lru_cache(maxsize=2)
def vocabulary(place: Path) -> Tokenizer:
    """The tokenizer of a model.

    Raises:
        OssiaError: it cannot be read.
    """
    files = open_checkpoint(place).tokenizer
    return load_tokenizer(json=files.json, ranks=files.ranks, gguf=files.gguf)


def shown(token_ids: Sequence[int], tokenizer: Tokenizer, source: str) -> list[dict[str, Any]]:
    """Tokens with their text; what is no whole character shows as U+FFFD.

    Args:
        source: where they are from: ``prompt`` or ``output``.
    """
    return [
        {
            "id": token_id,
            "text": _text(token_id, tokenizer),
            "is_special": tokenizer.is_special(token_id),
            "from": source,
        }
        for token_id in token_ids
    ]


def _text(token_id: int, tokenizer: Tokenizer) -> str:
    if not 0 <= token_id < tokenizer.vocabulary_size:  # a row of the model without a meaning
        return ""
    return tokenizer.token_bytes(token_id).decode("utf-8", "replace")


def raw_shown(raw: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """A whole answer (``chat.Raw`` as JSON): its prompt, its output, and what was mended there.

    Raises:
        OssiaError: the model's vocabulary cannot be read.
    """
    tokenizer = vocabulary(place)
    prompt = shown(raw["prompt_ids"], tokenizer, "prompt")
    output = shown(raw["output_ids"], tokenizer, "output")
    repairs = [
        {
            "kind": kind,
            "detail": "".join(token["text"] for token in output[max(0, number - NEARBY) : number]),
            "index": len(prompt) + max(number - 1, 0),
        }
        for number, kind in raw["repairs"]
    ]
    return {"tokens": [*prompt, *output], "repairs": repairs}
