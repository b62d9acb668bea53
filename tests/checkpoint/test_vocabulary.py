"""A vocabulary speaks the same after any journey: judged by ``tokenizers`` and tiktoken."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from ossia.base.errors import CheckpointError
from ossia.checkpoint.source import TokenizerFiles
from ossia.checkpoint.vocabulary import O200K_PATTERN, gguf_keys, special_ids, tokenizer_json

TEXTS = ("he said: hello!", "HE'LL 12345 안녕하세요 👩‍🚀\r\n  x", "\x00 é\t\t", "")


def _engine(files: TokenizerFiles) -> Tokenizer:
    data = tokenizer_json(files)
    assert data is not None
    return Tokenizer.from_str(data.decode())


@pytest.fixture
def small_ranks(tmp_path: Path) -> Path:
    """256 bytes and four tokens that merge."""
    tokens = [bytes([byte]) for byte in range(256)] + [b"he", b"ll", b"hell", b"hello"]
    lines = (b"%s %d" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens))
    path = tmp_path / "small.tiktoken"
    path.write_bytes(b"\n".join(lines))
    return path


def _foreign(keys: Mapping[str, Any]) -> dict[str, Any]:
    """As another tool's GGUF: no tokenizer.json in it."""
    return {key: value for key, value in keys.items() if key != "tokenizer.huggingface.json"}


def test_a_rank_file_encodes_as_tiktoken_does(small_ranks: Path) -> None:
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {
        base64.b64decode(token): int(rank)
        for token, rank in (line.split() for line in small_ranks.read_bytes().splitlines())
    }
    oracle = tiktoken.Encoding(
        "small", pat_str=O200K_PATTERN, mergeable_ranks=ranks, special_tokens={}
    )
    engine = _engine(TokenizerFiles(ranks=small_ranks))
    for text in TEXTS:
        assert engine.encode(text).ids == oracle.encode(text)
    special = special_ids(TokenizerFiles(ranks=small_ranks))
    assert special["<|return|>"] == 200_002
    assert special["<|reserved_200013|>"] == 200_013


def test_the_split_pattern_is_tiktokens() -> None:
    openai_public = pytest.importorskip("tiktoken_ext.openai_public")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_public, "load_tiktoken_bpe", lambda *_, **__: {})
        assert openai_public.o200k_base()["pat_str"] == O200K_PATTERN


@pytest.mark.o200k
def test_o200k_from_its_rank_file(o200k_path: Path) -> None:
    """Through tokenizer.json and, as another tool would write it, through GGUF."""
    load = pytest.importorskip("tiktoken.load").load_tiktoken_bpe
    ranks = load(str(o200k_path))
    tiktoken = pytest.importorskip("tiktoken")
    oracle = tiktoken.Encoding("o", pat_str=O200K_PATTERN, mergeable_ranks=ranks, special_tokens={})
    files = TokenizerFiles(ranks=o200k_path)
    keys = gguf_keys(files, 201_088)
    for engine in (_engine(files), _engine(TokenizerFiles(gguf=_foreign(keys)))):
        for text in TEXTS:
            assert engine.encode(text).ids == oracle.encode(text)
        assert engine.encode("<|start|>").ids == [200_006]
        assert engine.token_to_id("<|reserved_201087|>") == 201_087
    assert set(keys["tokenizer.ggml.token_type"]) == {1, 3}


def test_gguf_keys_of_a_rank_file_make_the_same_tokenizer(small_ranks: Path) -> None:
    files = TokenizerFiles(ranks=small_ranks)
    keys = gguf_keys(files, 201_088)
    assert keys["tokenizer.ggml.pre"] == "gpt-4o"
    again = TokenizerFiles(gguf=keys)
    assert tokenizer_json(again) == tokenizer_json(files)
    assert special_ids(again) == special_ids(files)


def test_a_tokenizer_json_returns_from_gguf_byte_for_byte(byte_tokenizer: TokenizerFiles) -> None:
    keys = gguf_keys(byte_tokenizer, 300)
    assert keys["tokenizer.ggml.pre"] == "default"  # it splits as GPT-2 does
    assert byte_tokenizer.json is not None
    assert tokenizer_json(TokenizerFiles(gguf=keys)) == byte_tokenizer.json.read_bytes()
    template = keys["tokenizer.chat_template"]
    assert gguf_keys(TokenizerFiles(gguf=keys, chat_template=template), 300) == keys


def test_gguf_with_another_split_cannot_become_a_tokenizer_json(
    byte_tokenizer: TokenizerFiles,
) -> None:
    keys = _foreign(gguf_keys(byte_tokenizer, 300))
    with pytest.raises(CheckpointError, match="gpt-4o"):
        tokenizer_json(TokenizerFiles(gguf=keys))


def test_no_vocabulary_is_no_error() -> None:
    assert tokenizer_json(TokenizerFiles()) is None
    assert gguf_keys(TokenizerFiles(), 100) == {}
    assert special_ids(TokenizerFiles()) == {}


def test_an_embedding_too_small_for_the_vocabulary_is_refused(
    byte_tokenizer: TokenizerFiles,
) -> None:
    with pytest.raises(CheckpointError, match=r"token 25[6-9]"):
        gguf_keys(byte_tokenizer, 256)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"model": 3}', json.dumps({"model": {"merges": 1, "vocab": {}}}), "\xff"],
)
def test_a_broken_tokenizer_json_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match=r"expected a tokenizer\.json"):
        special_ids(TokenizerFiles(json=path))


def test_a_broken_rank_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "ranks"
    path.write_bytes(b"no base64 here\n")
    with pytest.raises(CheckpointError, match="expected a tiktoken rank file"):
        special_ids(TokenizerFiles(ranks=path))
    with pytest.raises(CheckpointError, match="cannot read"):
        special_ids(TokenizerFiles(ranks=tmp_path / "missing"))
