import pytest
from tokenizers import normalizers

from ossia.base.errors import TokenizerError
from ossia.tokenizer import o200k
from ossia.tokenizer.byte_level import ALPHABET
from ossia.tokenizer.vocabulary import Vocabulary, build

BYTES = {token: byte for byte, token in enumerate(ALPHABET)}
TOKENS = BYTES | {"ab": 256, "abc": 257}
MERGES = [("a", "b"), ("ab", "c")]


def test_merges_apply_in_order() -> None:
    tokenizer = build(Vocabulary("test", TOKENS, MERGES, specials={"<|end|>": 300}))
    assert tokenizer.encode("abcab") == [257, 256]
    assert tokenizer.vocabulary_size == 301
    assert tokenizer.token_bytes(257) == b"abc"


def test_what_leads_to_or_over_a_special_token_is_dropped() -> None:
    """A special token need not look like one: its name alone makes it unreachable."""
    tokenizer = build(Vocabulary("test", TOKENS, MERGES, {"ab": 256}, prefers_whole=False))
    assert tokenizer.encode("abc") == [ord("a"), ord("b"), ord("c")]
    assert tokenizer.decode([256]) == "ab"


def test_a_whole_piece_is_preferred_only_where_asked() -> None:
    tokens = BYTES | {"abc": 256}
    whole, merged = (
        build(Vocabulary("test", tokens, [], {}, prefers_whole=prefers))
        for prefers in (True, False)
    )
    assert whole.encode("abc") == [256]
    assert merged.encode("abc") == [ord("a"), ord("b"), ord("c")]


def test_words_are_plain_text_or_spelled_bytes() -> None:
    """``café`` would spell broken UTF-8 and is text; ``Ġab`` and ``é`` (a byte) are spellings."""
    tokens = {token: byte for token, byte in BYTES.items() if token != "é"} | {"Ġa": 256}
    words = {"café": 300, "한": 301, "Ġab": 302, "é": BYTES["é"]}
    merges = [("Ġ", "a"), ("Ġa", "b"), ("caf", "é")]
    tokens["caf"] = 257
    pre_tokenizer = o200k.pre_tokenizer()
    tokenizer = build(
        Vocabulary("test", tokens, merges, {}, words=words, pre_tokenizer=pre_tokenizer)
    )
    assert tokenizer.encode("café") == [300]
    assert tokenizer.encode("한 ab") == [301, 302]
    for text in ("café 한", " ab", "Ġab é", "\xe9", "caf\u00ea"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_normalizer_comes_first() -> None:
    vocabulary = Vocabulary("test", TOKENS, MERGES, {}, normalizer=normalizers.NFKC())
    assert build(vocabulary).encode("ａｂｃ") == [257]


@pytest.mark.parametrize(
    ("vocabulary", "expected"),
    [
        (
            Vocabulary("f", BYTES | {"x y": 0}, [], {}),
            "f: the tokens 'Ā' and 'x y' have the same id 0",
        ),
        (Vocabulary("f", BYTES, [], {"<|end|>": 5}), "'<|end|>' have the same id 5"),
        (Vocabulary("f", BYTES, [], {"<|end|>": -5}), "f: a token has the id -5"),
        (Vocabulary("f", BYTES, [], {"<|end|>": 2**31}), "f: a token has the id 2147483648"),
        (Vocabulary("f", BYTES, [], {}, words={"a": 999}), "f: the token 'a' has two ids"),
        (Vocabulary("f", {}, [], {}), "f: 256 of the 256 bytes have no token (such as 0x00)"),
        (Vocabulary("f", BYTES, [], {"a": BYTES["a"]}), "f: 1 of the 256 bytes have no token"),
        (Vocabulary("f", BYTES, [], {}, is_byte_level=False), "f: 256 of the 256 bytes"),
        (Vocabulary("f", BYTES, [("a", "b")], {}), "f: the merges are broken"),
        (Vocabulary("f", BYTES, [("a", "\udc80")], {}), "f: the merges are broken"),
        (
            Vocabulary("f", BYTES | {"\ud83d": 256}, [], {}),
            "f: a token holds half of",
        ),
        (Vocabulary("f", BYTES, [], {"a\udc80": 300}), "f: a token holds half of a surrogate pair"),
        (Vocabulary("f", BYTES, [], {}, words={"\udc80": 300}), "f: a token holds half of"),
    ],
)
def test_a_broken_vocabulary_is_one_clear_line(vocabulary: Vocabulary, expected: str) -> None:
    with pytest.raises(TokenizerError) as caught:
        build(vocabulary)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
