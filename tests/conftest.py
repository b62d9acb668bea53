"""Fixtures that more than one room needs."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from ossia.tokenizer import Tokenizer

# How long an example takes says nothing on a busy machine.
settings.register_profile("ossia", deadline=None)
settings.load_profile("ossia")

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "o200k_base.tiktoken"


@pytest.fixture(scope="session")
def o200k_path() -> Path:
    """The rank file of o200k; a test that asks for it is marked ``o200k``."""
    path = Path(os.environ.get("OSSIA_TEST_O200K") or _SHARED)
    if not path.is_file():
        pytest.skip(f"no rank file at {path}: set OSSIA_TEST_O200K to an o200k_base.tiktoken")
    return path


HARMONY = (
    *("<|startoftext|>", "<|endoftext|>", "<|return|>", "<|constrain|>", "<|channel|>"),
    *("<|start|>", "<|end|>", "<|message|>", "<|call|>", "<|reserved_200013|>"),
)


@pytest.fixture(scope="session")
def write_vocabulary(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Sequence[str]], Path]:
    """Writes the tokenizer.json of a small vocabulary: a token a byte, a few merges, specials."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [
        ("a", "n"),
        ("an", "a"),
        ("s", "s"),
        ("i", "s"),
        ("Ġ", "t"),
        ("e", "r"),
        ("f", "i"),
        ("o", "="),
    ]
    tokens = [*alphabet, *(first + second for first, second in pairs)]

    def write(specials: Sequence[str]) -> Path:
        engine = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, pairs))
        engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        engine.add_special_tokens([AddedToken(name, special=True) for name in specials])
        path = tmp_path_factory.mktemp("vocabulary") / "tokenizer.json"
        engine.save(str(path))
        return path

    return write


@pytest.fixture(scope="session")
def harmony_json(write_vocabulary: Callable[[Sequence[str]], Path]) -> Path:
    """The tokenizer.json of a small vocabulary that has harmony's control tokens."""
    return write_vocabulary(HARMONY)


@pytest.fixture(scope="session")
def encode_output() -> Callable[[Tokenizer, str], list[int]]:
    """Gives the ids of a model's output that is written with its control tokens by name."""

    def encode(tokenizer: Tokenizer, text: str) -> list[int]:
        ids: list[int] = []
        for part in re.split(r"(<\|\w+\|>)", text):
            is_control = part in tokenizer.specials
            ids += [tokenizer.special(part)] if is_control else tokenizer.encode(part)
        return ids

    return encode


@pytest.fixture(scope="session")
def oracle(o200k_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """openai-harmony's encoding, which reads its vocabulary from a folder instead of the net."""
    import openai_harmony

    folder = tmp_path_factory.mktemp("encodings")
    (folder / "o200k_base.tiktoken").symlink_to(o200k_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_ENCODINGS_BASE", str(folder))
        return openai_harmony.load_harmony_encoding("HarmonyGptOss")
