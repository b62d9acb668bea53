import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ossia.base.errors import TokenizerError
from ossia.tokenizer import Tokenizer, load_tokenizer
from ossia.tokenizer.files import MAX_BYTES
from ossia.tokenizer.gguf_metadata import HF_JSON, TokenType

Metadata = dict[str, Any]
MODEL, PRE, TOKENS, MERGES, TYPES = (
    f"tokenizer.ggml.{key}" for key in ("model", "pre", "tokens", "merges", "token_type")
)
TEXT = "<|start|> hello\r\n안녕 12345 <|end|>"


@pytest.fixture
def metadata(
    small_document: dict[str, Any], as_gguf: Callable[[dict[str, Any]], Metadata]
) -> Metadata:
    """The small vocabulary, to be broken."""
    return copy.deepcopy(as_gguf(small_document))


def refusal(metadata: Any) -> str:
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(gguf=metadata)
    line = str(caught.value)
    assert line.startswith("GGUF metadata: ")
    assert "\n" not in line
    assert len(line) < 300
    return line


def test_keys_and_types_are_those_of_the_gguf_library() -> None:
    keys = gguf.Keys.Tokenizer
    ours = (MODEL, PRE, TOKENS, MERGES, TYPES, HF_JSON)
    theirs = (keys.MODEL, keys.PRE, keys.LIST, keys.MERGES, keys.TOKEN_TYPE, keys.HF_JSON)
    assert ours == theirs
    assert dict(TokenType.__members__) == dict(gguf.TokenType.__members__)


@pytest.mark.parametrize("key", [MODEL, PRE, TOKENS, MERGES])
def test_a_missing_key_is_named(metadata: Metadata, key: str) -> None:
    del metadata[key]
    assert key in refusal(metadata)


@pytest.mark.parametrize("key", [MODEL, PRE, TOKENS, MERGES, TYPES])
@pytest.mark.parametrize(
    "value", [None, 1, "llama", b"gpt2", {}, [None], [["a"]], [1.5], ["a", 1], [True]]
)
def test_a_key_of_another_type_is_named(metadata: Metadata, key: str, value: Any) -> None:
    metadata[key] = value
    assert key in refusal(metadata)


def test_a_list_of_another_length_is_refused(metadata: Metadata) -> None:
    num_tokens = len(metadata[TOKENS])
    metadata[TYPES].pop()
    assert f"{num_tokens - 1} token types for {num_tokens} tokens" in refusal(metadata)


@pytest.mark.parametrize("number", [0, 6, 7, -1, 2**40])
def test_an_unknown_token_type_is_refused(metadata: Metadata, number: int) -> None:
    metadata[TYPES][3] = number
    assert f"token 3 has type {number}" in refusal(metadata)


def test_the_same_token_twice_is_refused(metadata: Metadata) -> None:
    metadata[TOKENS][300] = metadata[TOKENS][299]
    assert "tokens 299 and 300 are the same" in refusal(metadata)


@pytest.mark.parametrize("merge", ["", " ", "ab", "a ", " b", "a b c", "a  b"])
def test_a_merge_that_is_no_pair_is_refused(metadata: Metadata, merge: str) -> None:
    metadata[MERGES][5] = merge
    assert f"merge 5 is {merge!r}" in refusal(metadata)


@pytest.mark.parametrize("merge", ["zzz a", "a zzz", "Q Z"])
def test_a_merge_of_unknown_tokens_is_refused(metadata: Metadata, merge: str) -> None:
    metadata[MERGES][5] = merge
    assert "the merges are broken" in refusal(metadata)


def test_a_byte_without_a_token_is_refused(metadata: Metadata) -> None:
    metadata[TYPES][metadata[TOKENS].index("a")] = TokenType.UNUSED
    assert "1 of the 256 bytes have no token (such as 0x61)" in refusal(metadata)


@pytest.mark.parametrize("kind", [TokenType.NORMAL, TokenType.UNKNOWN, TokenType.USER_DEFINED])
def test_a_control_token_of_any_type_is_special(
    metadata: Metadata, kind: int, small: Tokenizer
) -> None:
    """llama.cpp itself calls those of gpt-oss user defined, to have them shown."""
    metadata[TYPES] = [
        kind if number == TokenType.CONTROL else number for number in metadata[TYPES]
    ]
    tokenizer = load_tokenizer(gguf=metadata)
    assert tokenizer.specials == small.specials
    assert tokenizer.encode(TEXT) == small.encode(TEXT)


def test_without_token_types_control_tokens_are_known_by_their_names(
    metadata: Metadata, small: Tokenizer
) -> None:
    del metadata[TYPES]
    tokenizer = load_tokenizer(gguf=metadata)
    assert tokenizer.specials == small.specials
    assert tokenizer.encode(TEXT) == small.encode(TEXT)


def test_words_are_matched_whole(metadata: Metadata) -> None:
    metadata[TOKENS].append("한글말")
    metadata[TYPES].append(TokenType.USER_DEFINED)
    tokenizer = load_tokenizer(gguf=metadata)
    word = len(metadata[TOKENS]) - 1
    assert tokenizer.encode("한글말a") == [word, *tokenizer.encode("a")]
    assert tokenizer.decode([word]) == "한글말"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(data=st.data())
def test_changed_metadata_loads_safely_or_is_refused(
    metadata: Metadata, data: st.DataObject
) -> None:
    changed = copy.deepcopy(metadata)
    key = data.draw(st.sampled_from([TOKENS, MERGES, TYPES]))
    place = data.draw(st.integers(0, len(changed[key]) - 1))
    anything = st.none() | st.integers(-1, 10) | st.text(max_size=3) | st.sampled_from(changed[key])
    changed[key][place] = data.draw(anything)
    try:
        tokenizer = load_tokenizer(gguf=changed)
    except TokenizerError:
        refusal(changed)
    else:
        ids = tokenizer.encode(TEXT)
        assert tokenizer.decode(ids) == TEXT
        assert not any(map(tokenizer.is_special, ids))


def test_a_whole_tokenizer_json_is_used_for_a_split_that_the_keys_cannot_name(
    small_document: dict[str, Any], metadata: Metadata, texts: list[str], tmp_path: Path
) -> None:
    """Each digit alone, as nano's vocabulary has it, and accents composed first."""
    document = copy.deepcopy(small_document)
    document["pre_tokenizer"]["pretokenizers"].insert(
        0, {"type": "Digits", "individual_digits": True}
    )
    document["normalizer"] = {"type": "NFC"}
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    expected = load_tokenizer(json=path)
    metadata[PRE] = "default"
    assert "default" in refusal(metadata)
    tokenizer = load_tokenizer(gguf=metadata | {HF_JSON: path.read_text("utf-8")})
    assert tokenizer.specials == expected.specials
    assert all(tokenizer.encode(text) == expected.encode(text) for text in texts[:500])
    assert tokenizer.encode("12345") != load_tokenizer(gguf=metadata | {PRE: "gpt-4o"}).encode(
        "12345"
    )


def test_with_the_split_of_gpt_oss_the_keys_and_the_json_give_the_same_ids(
    small_document: dict[str, Any], metadata: Metadata, texts: list[str]
) -> None:
    from_keys = load_tokenizer(gguf=metadata)
    from_json = load_tokenizer(gguf=metadata | {HF_JSON: json.dumps(small_document)})
    assert from_json.specials == from_keys.specials
    assert all(from_json.encode(text) == from_keys.encode(text) for text in texts[:2000])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "expected the text of a tokenizer.json"),
        ([1], "expected the text of a tokenizer.json"),
        ("", "not JSON"),
        ("\ud800", "not JSON"),
        ("{}", "the model is None"),
        ("[" * 100_000, "nested too deeply"),
        (" " * (MAX_BYTES + 1), "larger than 64 MB"),
    ],
    ids=["none", "a list", "empty", "no text", "no model", "nested", "large"],
)
def test_a_broken_tokenizer_json_is_refused_even_beside_good_keys(
    metadata: Metadata, text: Any, words: str
) -> None:
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(gguf=metadata | {HF_JSON: text})
    line = str(caught.value)
    assert line.startswith(f"GGUF metadata, {HF_JSON}: ")
    assert words in line
    assert len(line) < 300
