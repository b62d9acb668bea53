"""Prompts to compute with: of any length, the same every time, and none like another's start."""

import numpy as np

from ossia.tokenizer import Tokenizer

_LINE = (
    "{n}. On day {n} the keeper of the lighthouse counted {m} ships, {k} of them bound for Busan, "
    "and wrote: total = {m} * {k}  # = {product}\n"
)


def prompt_ids(tokenizer: Tokenizer | None, vocabulary: int, length: int) -> list[int]:
    """``length`` token ids: of a text where there is a vocabulary, else random ones."""
    random = np.random.default_rng(length)
    if tokenizer is None:
        return [int(token_id) for token_id in random.integers(vocabulary, size=length)]
    token_ids: list[int] = []
    n = 0
    while len(token_ids) < length:
        n += 1
        m, k = (int(drawn) for drawn in random.integers(2, 999, size=2))
        token_ids += tokenizer.encode(_LINE.format(n=n, m=m, k=k, product=m * k))
    return token_ids[:length]
