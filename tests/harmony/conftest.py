"""Vocabularies that speak harmony, a small one and the real one, and openai-harmony itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="session")
def oracle(o200k_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """openai-harmony's encoding, which reads its vocabulary from a folder instead of the net."""
    import openai_harmony

    folder = tmp_path_factory.mktemp("encodings")
    (folder / "o200k_base.tiktoken").symlink_to(o200k_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_ENCODINGS_BASE", str(folder))
        return openai_harmony.load_harmony_encoding("HarmonyGptOss")
