from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from ossia.tokenizer.byte_level import ALPHABET, FALLBACK, spell, unspell, unspell_fallback


def test_the_alphabet_is_that_of_the_tokenizers_library() -> None:
    assert len(set(ALPHABET)) == 256
    assert set(ALPHABET) == set(pre_tokenizers.ByteLevel.alphabet())


@given(text=st.text(st.characters(codec="utf-8"), min_size=1))
def test_spelling_is_that_of_the_tokenizers_library(text: str) -> None:
    spelled = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    assert "".join(part for part, _ in spelled.pre_tokenize_str(text)) == spell(text.encode())


@given(token=st.binary())
def test_unspell_undoes_spell(token: bytes) -> None:
    assert unspell(spell(token)) == token


def test_what_is_not_spelled_in_the_alphabet_stands_for_itself() -> None:
    for token in ("한국", "a b", "\n", "caf\u0301e", "\u00ad"):
        assert unspell(token) == token.encode()


def test_fallback_tokens_are_single_bytes() -> None:
    assert [unspell_fallback(token) for token in FALLBACK] == [bytes([byte]) for byte in range(256)]
    for token in ("한국", "<0x4>", "<0x41>a", "<0xag>"):
        assert unspell_fallback(token) == token.encode()
