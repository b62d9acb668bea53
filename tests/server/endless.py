"""An answer that goes on until its context is full: for tests that need one under way."""

from functools import cache
from typing import Any

from ossia import hub
from ossia.checkpoint import open_checkpoint
from ossia.tokenizer import load_tokenizer


def endless(**more: Any) -> dict[str, Any]:
    """A request to Chat Completions; nothing may end its answer but its length."""
    question = {"role": "user", "content": "What is 27 + 58?"}
    body = {"model": "nano", "messages": [question], "seed": 1, "stream": True}
    return body | {"logit_bias": _bias()} | more


@cache
def _bias() -> dict[str, int]:
    files = open_checkpoint(hub.resolve("nano")).tokenizer
    tokenizer = load_tokenizer(json=files.json, ranks=files.ranks, gguf=files.gguf)
    return {str(token_id): -100 for token_id in tokenizer.specials.values()}
