"""Vocabularies that speak harmony, a small one and the real one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ossia.tokenizer import Tokenizer, load_tokenizer


@pytest.fixture(scope="session")
def small(harmony_json: Path) -> Tokenizer:
    return load_tokenizer(json=harmony_json)


@pytest.fixture(scope="session")
def o200k(o200k_path: Path) -> Tokenizer:
    return load_tokenizer(ranks=o200k_path)


@pytest.fixture(scope="session")
def encode(small: Tokenizer, encode_output: Callable[..., list[int]]) -> Callable[[str], list[int]]:
    """Ids of a model's output in the small vocabulary."""
    return lambda text: encode_output(small, text)
