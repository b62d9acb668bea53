"""A small vocabulary that speaks harmony: a token a byte, a few merges, the control tokens."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ossia.tokenizer import Tokenizer, load_tokenizer

CONTROLS = (
    "<|startoftext|>",
    "<|endoftext|>",
    "<|return|>",
    "<|constrain|>",
    "<|channel|>",
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|call|>",
    "<|reserved_200013|>",
)

Encode = Callable[[str], list[int]]


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    from tokenizers import AddedToken, models, pre_tokenizers
    from tokenizers import Tokenizer as Engine

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [("a", "n"), ("an", "a"), ("s", "s"), ("Ġ", "t"), ("e", "r"), ("f", "i"), ("o", "=")]
    tokens = [*alphabet, *(first + second for first, second in pairs)]
    engine = Engine(models.BPE({token: i for i, token in enumerate(tokens)}, pairs))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.add_special_tokens([AddedToken(name, special=True) for name in CONTROLS])
    path = tmp_path_factory.mktemp("small") / "tokenizer.json"
    engine.save(str(path))
    return load_tokenizer(json=path)


@pytest.fixture(scope="session")
def o200k(o200k_path: Path) -> Tokenizer:
    return load_tokenizer(ranks=o200k_path)


def encode_output(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of a model's output that is written with its control tokens by name."""
    ids: list[int] = []
    for part in re.split(r"(<\|\w+\|>)", text):
        is_control = part in tokenizer.specials
        ids += [tokenizer.special(part)] if is_control else tokenizer.encode(part)
    return ids


@pytest.fixture(scope="session")
def encode(small: Tokenizer) -> Encode:
    return lambda text: encode_output(small, text)
