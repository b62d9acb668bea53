import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from ossia.base.errors import TokenizerError
from ossia.tokenizer import Tokenizer

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    "text", ["", "<|start|>", "a<|end|>b", "<|start|><|message|>", "<|sta\u200drt|>"]
)
def test_text_never_becomes_a_special_token(small: Tokenizer, text: str) -> None:
    ids = small.encode(text)
    assert not any(small.is_special(token_id) for token_id in ids)
    assert small.decode(ids) == text


def test_special_tokens_are_had_by_name(small: Tokenizer) -> None:
    start = small.special("<|start|>")
    assert small.is_special(start)
    assert small.decode([start, *small.encode("안녕")]) == "<|start|>안녕"
    assert list(small.specials) == ["<|start|>", "<|end|>", "<|message|>"]


def test_a_missing_special_token_is_one_clear_line(small: Tokenizer) -> None:
    with pytest.raises(
        TokenizerError, match=r"^the vocabulary has no special token <\|call\|>; .+$"
    ):
        small.special("<|call|>")


def test_specials_cannot_be_changed_from_outside(small: Tokenizer) -> None:
    with pytest.raises(TypeError):
        small.specials["<|start|>"] = 0  # type: ignore[index]


@pytest.mark.parametrize("token_id", [-1, -(2**70), 100_000, 201_087, 2**31, 2**32, 2**70])
def test_ids_without_a_token_decode_to_a_replacement_character(
    small: Tokenizer, token_id: int
) -> None:
    assert small.decode([token_id]) == REPLACEMENT
    assert small.token_bytes(token_id) == REPLACEMENT.encode()
    assert not small.is_special(token_id)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("\udced\udc95", REPLACEMENT * 2),  # bytes of argv that are no UTF-8
        ("\ud83d\ude00", "😀"),  # a pair, as JSON writes it
        ("a\ud83d", "a" + REPLACEMENT),
        ("\ude00\ud83d b", REPLACEMENT * 2 + " b"),
    ],
)
def test_lone_surrogates_count_as_replacement_characters(
    small: Tokenizer, small_oracle: tiktoken.Encoding, text: str, means: str
) -> None:
    assert small.encode(text) == small.encode(means) == small_oracle.encode_ordinary(text)


@given(text=st.text(st.characters(codec="utf-8")))
def test_decode_gives_the_text_back(small: Tokenizer, text: str) -> None:
    assert small.decode(small.encode(text)) == text


@given(text=st.text(), data=st.data())
def test_any_cut_decodes_as_its_bytes_do(small: Tokenizer, text: str, data: st.DataObject) -> None:
    ids = small.encode(text)
    first = data.draw(st.integers(0, len(ids)))
    cut = ids[first : data.draw(st.integers(first, len(ids)))]
    whole = b"".join(small.token_bytes(token_id) for token_id in cut)
    assert small.decode(cut) == whole.decode(errors="replace")


@given(ids=st.lists(st.integers(0, 600)))
def test_any_ids_decode_as_tiktoken_does(
    small: Tokenizer, small_oracle: tiktoken.Encoding, ids: list[int]
) -> None:
    ordinary = [token_id for token_id in ids if token_id < len(small_oracle._mergeable_ranks)]
    assert small.decode(ordinary) == small_oracle.decode(ordinary, errors="replace")


def test_a_text_that_the_pattern_gives_up_on_is_one_clear_line(small: Tokenizer) -> None:
    """The library panics there, which is no Exception and would end the program."""
    with pytest.raises(TokenizerError, match=r"^this text of 11000000 characters cannot be split"):
        small.encode(" " * 11_000_000)
