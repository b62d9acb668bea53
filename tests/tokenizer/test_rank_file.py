import base64
from pathlib import Path
from random import Random

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.base.errors import TokenizerError
from ossia.tokenizer import load_tokenizer
from ossia.tokenizer.byte_level import spell
from ossia.tokenizer.rank_file import derive_merges
from ossia.tokenizer.vocabulary import Vocabulary, build

BYTES = {bytes([byte]): byte for byte in range(256)}


def line(token: bytes, rank: int) -> bytes:
    return base64.b64encode(token) + b" %d\n" % rank


ALL_BYTES = b"".join(line(token, rank) for token, rank in BYTES.items())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty; expected a tiktoken rank file"),
        (b"\n\n", "empty; expected a tiktoken rank file"),
        (b"<!DOCTYPE html>\n", "line 1 is not a token in base64 and its rank"),
        (b"IQ== 0\nIQ==\n", "line 2 is not"),
        (b"IQ== 0 1\n", "line 1 is not"),
        (b"IQ= 0\n", "line 1 is not"),
        (b"\xff\xff 0\n", "line 1 is not"),
        (b"IQ== x\n", "line 1 is not"),
        (b"IQ== " + b"9" * 5000, "line 1 is not"),
        (b"IQ== -1\n", "line 1 has rank -1; expected 0 to 199997"),
        (b"IQ== 199998\n", "line 1 has rank 199998"),
        (line(b"a" * 513, 5), "line 1 has a token of 513 bytes; expected 1 to 512"),
        (ALL_BYTES + line(b"a", 300), "line 257 repeats an earlier token"),
        (ALL_BYTES + line(b"ab", 7), "have the same id 7"),
        (line(b"a", 0), "255 of the 256 bytes have no token"),
        (ALL_BYTES[:-5], "line 256 is not a token in base64 and its rank"),
    ],
)
def test_a_broken_file_is_one_clear_line(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "o200k_base.tiktoken"
    path.write_bytes(content)
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(ranks=path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_cut_of_a_token_is_a_merge() -> None:
    tokens = {"a": 0, "b": 1, "c": 2, "bc": 3, "ab": 4, "abc": 5}
    assert derive_merges(tokens) == [("b", "c"), ("a", "b"), ("a", "bc"), ("ab", "c")]


@settings(max_examples=60)
@given(
    tokens=st.sets(st.text("abc", min_size=2, max_size=4), max_size=20),
    order=st.randoms(use_true_random=False),
    texts=st.lists(st.text("abc", max_size=12), min_size=10),
)
def test_any_small_ranks_encode_as_tiktoken_does(
    tokens: set[str], order: Random, texts: list[str]
) -> None:
    shuffled = sorted(tokens)
    order.shuffle(shuffled)
    ranks = BYTES | {token.encode(): 256 + n for n, token in enumerate(shuffled)}
    oracle = tiktoken.Encoding(
        "small", pat_str=r"[\s\S]+", mergeable_ranks=ranks, special_tokens={}
    )
    spelled = {spell(token): rank for token, rank in ranks.items()}
    tokenizer = build(Vocabulary("test", spelled, derive_merges(spelled), specials={}))
    assert [tokenizer.encode(text) for text in texts] == oracle.encode_ordinary_batch(texts)
