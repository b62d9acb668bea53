import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiktoken

from ossia.base.errors import TokenizerError
from ossia.tokenizer import Tokenizer, load_tokenizer


def assert_same_ids(tokenizer: Tokenizer, oracle: tiktoken.Encoding, texts: list[str]) -> None:
    expected = oracle.encode_ordinary_batch(texts, num_threads=2)
    wrong = [
        text
        for text, ids in zip(texts, expected, strict=True)
        if tokenizer.encode(text) != ids or tokenizer.decode(ids) != text
    ]
    assert not wrong, f"{len(wrong)} texts differ, such as {wrong[0]!r}"


def write_ranks(path: Path, ranks: dict[bytes, int]) -> Path:
    lines = (b"%b %d\n" % (base64.b64encode(token), rank) for token, rank in ranks.items())
    path.write_bytes(b"".join(lines))
    return path


def test_small_vocabulary_from_json_equals_tiktoken(
    small: Tokenizer, small_oracle: tiktoken.Encoding, texts: list[str]
) -> None:
    assert_same_ids(small, small_oracle, texts[:4000])


def test_small_vocabulary_from_ranks_equals_tiktoken(
    small_ranks: dict[bytes, int],
    small_oracle: tiktoken.Encoding,
    texts: list[str],
    tmp_path: Path,
) -> None:
    tokenizer = load_tokenizer(ranks=write_ranks(tmp_path / "ranks", small_ranks))
    assert_same_ids(tokenizer, small_oracle, texts[:4000])


def test_small_vocabulary_from_gguf_equals_tiktoken(
    small_document: dict[str, Any],
    as_gguf: Callable[[dict[str, Any]], dict[str, Any]],
    small_oracle: tiktoken.Encoding,
    texts: list[str],
) -> None:
    assert_same_ids(load_tokenizer(gguf=as_gguf(small_document)), small_oracle, texts[:4000])


def test_json_and_gguf_of_one_vocabulary_agree_on_every_id(
    small: Tokenizer,
    small_document: dict[str, Any],
    as_gguf: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    other = load_tokenizer(gguf=as_gguf(small_document))
    assert other.specials == small.specials
    assert other.vocabulary_size == small.vocabulary_size == max(small.specials.values()) + 1
    ids = range(-1, small.vocabulary_size + 20)
    assert [other.token_bytes(i) for i in ids] == [small.token_bytes(i) for i in ids]


@pytest.fixture(scope="module")
def o200k(o200k_path: Path) -> Tokenizer:
    return load_tokenizer(ranks=o200k_path)


@pytest.mark.o200k
def test_o200k_from_ranks_equals_tiktoken_on_20_000_texts(
    o200k: Tokenizer, o200k_oracle: tiktoken.Encoding, texts: list[str]
) -> None:
    assert len(texts) == 20_000
    assert_same_ids(o200k, o200k_oracle, texts)


@pytest.mark.o200k
def test_o200k_has_the_bytes_and_special_tokens_of_tiktoken(
    o200k: Tokenizer, o200k_oracle: tiktoken.Encoding
) -> None:
    assert o200k.vocabulary_size == o200k_oracle.n_vocab == 201_088
    expected = [o200k_oracle.decode_single_token_bytes(i) for i in range(199_998)]
    assert [o200k.token_bytes(i) for i in range(199_998)] == expected
    theirs = o200k_oracle._special_tokens
    assert o200k.specials.items() <= theirs.items()
    assert theirs.keys() - o200k.specials.keys() == {"<|reserved_200018|>"}  # an alias
    assert all(o200k.token_bytes(i) == name.encode() for name, i in o200k.specials.items())


@pytest.mark.o200k
def test_o200k_long_runs_equal_tiktoken(o200k: Tokenizer, o200k_oracle: tiktoken.Encoding) -> None:
    runs = ["A", "a", "한", "7", " ", "\n", " \n", "\u0301", "!", "Aa", "ab" * 40 + " "]
    assert_same_ids(o200k, o200k_oracle, [run * (20_000 // len(run)) for run in runs])


@pytest.mark.o200k
@pytest.mark.oracle
def test_o200k_from_json_and_gguf_equals_tiktoken_on_20_000_texts(
    o200k_path: Path,
    o200k_oracle: tiktoken.Encoding,
    as_gguf: Callable[[dict[str, Any]], dict[str, Any]],
    texts: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The JSON is made by transformers, as the released gpt-oss's was."""
    convert = pytest.importorskip("transformers.convert_slow_tokenizer")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    names = ["<|startoftext|>", "<|endoftext|>", "<|reserved_200000|>", "<|reserved_200001|>"]
    engine = convert.TikTokenConverter(
        str(o200k_path), pattern=o200k_oracle._pat_str, extra_special_tokens=names
    ).converted()
    path = tmp_path / "tokenizer.json"
    engine.save(str(path))
    from_json = load_tokenizer(json=path)
    assert from_json.specials == {name: 199_998 + n for n, name in enumerate(names)}
    assert_same_ids(from_json, o200k_oracle, texts)
    from_gguf = load_tokenizer(gguf=as_gguf(json.loads(path.read_bytes())))
    assert from_gguf.specials == from_json.specials
    assert_same_ids(from_gguf, o200k_oracle, texts)


def test_no_vocabulary_and_two_vocabularies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"no vocabulary; put its tokenizer\.json beside"):
        load_tokenizer()
    with pytest.raises(TokenizerError, match="several vocabularies"):
        load_tokenizer(json=tmp_path, gguf={})
