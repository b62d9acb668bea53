import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.tokenizer import IncrementalDecoder, Tokenizer

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def byte_ids(tokenizer: Tokenizer, data: bytes) -> list[int]:
    """One id a byte, however the bytes lie in characters."""
    ids = {tokenizer.token_bytes(token_id): token_id for token_id in range(256)}
    return [ids[bytes([byte])] for byte in data]


def feed_all(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    decoder = IncrementalDecoder(tokenizer)
    return [*(decoder.feed(token_id) for token_id in ids), decoder.finish()]


def test_a_character_comes_whole_with_its_last_byte(small: Tokenizer) -> None:
    ids = byte_ids(small, "한😀é".encode())
    assert feed_all(small, ids) == ["", "", "한", "", "", "", "😀", "", "é", ""]


def test_a_cut_character_is_told_at_the_end(small: Tokenizer) -> None:
    decoder = IncrementalDecoder(small)
    assert [decoder.feed(token_id) for token_id in byte_ids(small, "한".encode()[:2])] == ["", ""]
    assert decoder.finish() == REPLACEMENT
    assert decoder.finish() == ""
    assert decoder.feed(small.encode("a")[0]) == "a"


def test_a_special_token_ends_a_cut_character(small: Tokenizer) -> None:
    ids = [*byte_ids(small, b"\xed\x95"), small.special("<|end|>")]
    assert feed_all(small, ids) == ["", "", REPLACEMENT + "<|end|>", ""]


@pytest.mark.parametrize("token_id", [-1, 10**6, 2**64])
def test_an_id_without_a_token_is_a_replacement_character(small: Tokenizer, token_id: int) -> None:
    assert feed_all(small, [token_id]) == [REPLACEMENT, ""]


@given(data=st.binary())
def test_any_bytes_stream_as_the_whole_decodes(small: Tokenizer, data: bytes) -> None:
    parts = feed_all(small, byte_ids(small, data))
    assert "".join(parts) == data.decode(errors="replace")


@given(
    data=st.lists(
        st.sampled_from(
            [b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"a"]
        ).flatmap(lambda whole: st.integers(0, len(whole)).map(lambda end: whole[:end]))
    ).map(b"".join)
)
def test_broken_sequences_stream_as_the_whole_decodes(small: Tokenizer, data: bytes) -> None:
    parts = feed_all(small, byte_ids(small, data))
    assert "".join(parts) == data.decode(errors="replace")


@given(ids=st.lists(st.integers(-3, 700)))
def test_any_ids_stream_as_they_decode(small: Tokenizer, ids: list[int]) -> None:
    assert "".join(feed_all(small, ids)) == small.decode(ids)


def test_texts_cut_anywhere_stream_as_they_decode(small: Tokenizer, texts: list[str]) -> None:
    chance = random.Random(3)
    for text in texts[:2000]:
        data = text.encode()
        ids = byte_ids(small, data[chance.randrange(len(data) + 1) :])
        assert "".join(feed_all(small, ids)) == small.decode(ids)
