import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Engine

from ossia.base.errors import TokenizerError
from ossia.tokenizer import Tokenizer, load_tokenizer

Document = dict[str, Any]
Write = Callable[[Any], Path]
HOSTILE_TEXT = "<|start|> hello\r\n안녕 12345 <|end|>"


@pytest.fixture
def document(small_document: Document) -> Document:
    """The small vocabulary, to be broken."""
    return copy.deepcopy(small_document)


def added(content: str, token_id: int, **options: bool) -> Document:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"id": token_id, "content": content, **flags, **options}


def refusal(path: Path) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(json=path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    assert len(line) < len(str(path)) + 300
    return line


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not JSON"),
    "a page": (b"<!DOCTYPE html><title>404</title>", "not JSON"),
    "no UTF-8": (b'{"model": "\xff"}', "not JSON"),
    "truncated": (b'{"version": "1.0", "model": {"type": "BPE", "vocab": {"a', "not JSON"),
    "a Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "not JSON"),
    "a number": (b"1", "not an object"),
    "nested lists": (b"[" * 1_000_000, "nested too deeply"),
    "nested objects": (b'{"a":' * 1_000_000, "nested too deeply"),
    "a bomb": (b"[" + b"[]," * 5_000_000 + b"[]]", "more than 4000000 lists and objects"),
    "a long number": (b"9" * 10_000, "not JSON"),
    "a key twice": (b'{"model": 1, "model": 2}', "an object has the same key twice"),
    "no model": (b"{}", "the model is None"),
    "a model that is a list": (b'{"model": []}', "the model is []"),
    "WordLevel": (b'{"model": {"type": "WordLevel", "vocab": {"a": 0}}}', "'WordLevel'"),
    "Unigram": (b'{"model": {"type": "Unigram", "vocab": [["a", 0.5]]}}', "'Unigram'"),
    "no vocabulary": (b'{"model": {"type": "BPE", "merges": []}}', "model.vocab is not an object"),
    "no bytes": (b'{"model": {"vocab": {"a": 0}, "merges": []}}', "256 of the 256 bytes"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_clear_line(tmp_path: Path, name: str) -> None:
    content, expected = BROKEN[name]
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    assert expected in refusal(path)


def put(*keys: str | int) -> Callable[[Document, Any], None]:
    def change(document: Document, value: Any) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


SPLIT_AWAY = {
    "type": "Split",
    "pattern": {"String": " "},
    "behavior": "Removed",
    "invert": False,
}
PREFIXED = {
    "type": "ByteLevel",
    "add_prefix_space": True,
    "trim_offsets": True,
    "use_regex": True,
}
BAD_PATTERN = {
    "type": "Split",
    "pattern": {"Regex": "((["},
    "behavior": "Isolated",
    "invert": False,
}
CHANGES: list[tuple[Callable[[Document, Any], None], Any, str]] = [
    (put("model", "vocab", "a"), "0", "model.vocab is not an object of ids"),
    (put("model", "vocab", "a"), True, "model.vocab is not an object of ids"),
    (put("model", "vocab", "a"), 1.5, "model.vocab is not an object of ids"),
    (put("model", "vocab", "a"), 300, "have the same id 300"),
    (put("model", "vocab", "new"), -1, "a token has the id -1; expected 0 to 2147483647"),
    (put("model", "vocab", "new"), 2**31, "a token has the id 2147483648"),
    (put("model", "vocab", "new"), 10**30, "a token has the id 1000000000000"),
    (put("model", "vocab", "<|start|>"), 5000, "the token '<|start|>' has two ids"),
    (put("model", "merges"), {}, "model.merges is not a list"),
    (put("model", "merges", 0), ["a"], "a merge is ['a'], not two tokens"),
    (put("model", "merges", 0), ["a", "b", "c"], "not two tokens"),
    (put("model", "merges", 0), ["a", 1], "not two tokens"),
    (put("model", "merges", 0), ["", "a"], "not two tokens"),
    (put("model", "merges", 0), "ab", "not two tokens"),
    (put("model", "merges", 0), "a b c", "not two tokens"),
    (put("model", "merges", 0), ["a", "zzzz"], "the merges are broken"),
    (put("model", "merges", 0), ["a", "Z"], "the merges are broken"),
    (put("model", "continuing_subword_prefix"), "##", "continuing_subword_prefix is not supported"),
    (put("model", "end_of_word_suffix"), "</w>", "end_of_word_suffix is not supported"),
    (put("pre_tokenizer"), [], "a component is [], without a type"),
    (put("pre_tokenizer"), {"type": 1}, "without a type"),
    (put("pre_tokenizer"), {"type": "Whitespace"}, "'Whitespace' is not supported"),
    (put("pre_tokenizer"), SPLIT_AWAY, "'Split' is not supported"),
    (put("pre_tokenizer", "pretokenizers", 1), PREFIXED, "add_prefix_space is not supported"),
    (put("pre_tokenizer", "pretokenizers", 0), BAD_PATTERN, "premature end of char-class"),
    (put("normalizer"), {"type": "Prepend", "prepend": "x"}, "'Prepend' is not supported"),
    (put("added_tokens"), {}, "added_tokens is not a list"),
    (put("added_tokens", 0), "<|start|>", "without content and id"),
    (put("added_tokens", 0, "id"), True, "without content and id"),
    (put("added_tokens", 0, "id"), 7, "have the same id 7"),
    (put("added_tokens", 0, "content"), "<|end|>", "added_tokens has '<|end|>' twice"),
    (put("added_tokens", 0, "content"), "a", "the token 'a' has two ids"),
]


@pytest.mark.parametrize(("change", "value", "expected"), CHANGES, ids=lambda item: str(item)[:30])
def test_a_broken_part_is_one_clear_line(
    document: Document,
    write_json: Write,
    change: Callable[[Document, Any], None],
    value: Any,
    expected: str,
) -> None:
    change(document, value)
    assert expected in refusal(write_json(document))


def test_a_pre_tokenizer_nested_a_thousandfold_is_one_clear_line(
    document: Document, write_json: Write
) -> None:
    nested = document["pre_tokenizer"]
    for _ in range(200):
        nested = {"type": "Sequence", "pretokenizers": [nested]}
    document["pre_tokenizer"] = nested
    refusal(write_json(document))


def test_a_control_token_that_is_called_a_word_is_special_all_the_same(
    document: Document, write_json: Write
) -> None:
    for token in document["added_tokens"]:
        token["special"] = False
    document["added_tokens"].append(added("<|call|>", 9000))
    tokenizer = load_tokenizer(json=write_json(document))
    assert list(tokenizer.specials) == ["<|start|>", "<|end|>", "<|message|>", "<|call|>"]
    assert not any(map(tokenizer.is_special, tokenizer.encode(HOSTILE_TEXT + "<|call|>")))


def test_a_control_token_that_merges_lead_to_is_special_all_the_same(
    document: Document, write_json: Write
) -> None:
    """Merges from single characters up to the whole name, and the whole text as one piece."""
    model, name = document["model"], "<|start|>"
    document["added_tokens"] = []
    for end in range(2, len(name) + 1):
        model["vocab"].setdefault(name[:end], 9000 + end)
        model["merges"].append([name[: end - 1], name[end - 1]])
    model["ignore_merges"] = True
    document["pre_tokenizer"] = document["pre_tokenizer"]["pretokenizers"][1]
    path = write_json(document)
    assert Engine.from_file(str(path)).encode(name).ids == [9009]  # the danger is real
    tokenizer = load_tokenizer(json=path)
    assert tokenizer.specials == {name: 9009}
    assert 9009 not in tokenizer.encode(name + " " + name)
    assert tokenizer.decode(tokenizer.encode(name)) == name


def test_declared_ids_count(document: Document, write_json: Write) -> None:
    """The library numbers added tokens anew when the file leaves a gap."""
    document["added_tokens"][2]["id"] = 201_000
    tokenizer = load_tokenizer(json=write_json(document))
    assert tokenizer.special("<|message|>") == 201_000
    assert tokenizer.vocabulary_size == 201_001


def test_words_are_matched_whole(document: Document, write_json: Write) -> None:
    document["added_tokens"] += [
        added("ossia", 7001),
        added("한글말", 7002),
        added("cat", 7003, single_word=True),
    ]
    tokenizer = load_tokenizer(json=write_json(document))
    ids = tokenizer.encode("ossia한글말 cat concatenate <|start|>")
    assert ids[:2] == [7001, 7002]
    assert ids.count(7003) == 1
    assert tokenizer.decode(ids) == "ossia한글말 cat concatenate <|start|>"
    assert tokenizer.token_bytes(7002) == "한글말".encode()
    assert not tokenizer.is_special(7001)


def test_a_word_that_swallows_space_does_not(document: Document, write_json: Write) -> None:
    document["added_tokens"].append(added("ossia", 7001, lstrip=True, rstrip=True))
    tokenizer = load_tokenizer(json=write_json(document))
    assert tokenizer.decode(tokenizer.encode("an  ossia  here")) == "an  ossia  here"


def test_a_word_spelled_like_another_token_changes_no_text(
    document: Document, write_json: Write
) -> None:
    space = document["model"]["vocab"]["Ġ"]  # spells a space
    document["added_tokens"].append(added("Ġ", space))
    tokenizer = load_tokenizer(json=write_json(document))
    assert tokenizer.decode(tokenizer.encode("a Ġ b")) == "a Ġ b"


def test_nothing_is_added_or_cut(document: Document, write_json: Write, small: Tokenizer) -> None:
    """What the file asks of a training run is not for us."""
    start = {"SpecialToken": {"id": "<|start|>", "type_id": 0}}
    ids = {"id": "<|start|>", "ids": [document["added_tokens"][0]["id"]], "tokens": ["<|start|>"]}
    document["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [start, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"<|start|>": ids},
    }
    document["truncation"] = {
        "max_length": 3,
        "strategy": "LongestFirst",
        "stride": 0,
        "direction": "Right",
    }
    document["padding"] = {"strategy": {"Fixed": 99}, "pad_id": 0, "pad_token": "!"}
    document["model"]["dropout"] = 0.9
    document["model"]["unk_token"] = "<|start|>"
    tokenizer = load_tokenizer(json=write_json(document))
    assert tokenizer.encode(HOSTILE_TEXT) == small.encode(HOSTILE_TEXT)
    assert tokenizer.encode("") == []


def test_a_normal_form_is_kept(document: Document, write_json: Write) -> None:
    document["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFC"}]}
    tokenizer = load_tokenizer(json=write_json(document))
    assert tokenizer.decode(tokenizer.encode("e\u0301 \u1112\u1161\u11ab")) == "é 한"


def test_merges_as_strings_are_read_as_pairs(
    document: Document, write_json: Write, small: Tokenizer
) -> None:
    merges = document["model"]["merges"]
    document["model"]["merges"] = [" ".join(pair) for pair in merges]
    tokenizer = load_tokenizer(json=write_json(document))
    assert tokenizer.encode(HOSTILE_TEXT) == small.encode(HOSTILE_TEXT)


def test_plain_text_with_byte_fallback(write_json: Write) -> None:
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)}
    vocabulary |= {"한": 256, "글": 257, "한글": 258, "a": 259}
    model = {"type": "BPE", "vocab": vocabulary, "merges": [["한", "글"]], "byte_fallback": True}
    tokenizer = load_tokenizer(json=write_json({"model": model, "added_tokens": []}))
    assert tokenizer.encode("한글a") == [258, 259]
    assert tokenizer.encode("é") == [0xC3, 0xA9]
    for text in ("한글 b 😀\n", "<0x41>"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def paths(node: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document; of long lists and objects the first few."""
    children = list(node.items() if isinstance(node, dict) else enumerate(node))[:12]
    found = []
    for key, child in children:
        found.append((*here, key))
        if isinstance(child, dict | list):
            found += paths(child, (*here, key))
    return found


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(data=st.data())
def test_a_changed_file_loads_safely_or_is_refused(
    small_document: Document, write_json: Write, data: st.DataObject
) -> None:
    document = copy.deepcopy(small_document)
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = document
        *keys, last = data.draw(st.sampled_from(paths(document)))
        for key in keys:
            place = place[key]
        place[last] = data.draw(VALUES | st.integers(0, 500))
    path = write_json(document)
    try:
        tokenizer = load_tokenizer(json=path)
    except TokenizerError:
        refusal(path)
    else:
        ids = tokenizer.encode(HOSTILE_TEXT)
        assert tokenizer.decode(ids) == HOSTILE_TEXT
        assert not any(map(tokenizer.is_special, ids))


def test_json_with_infinite_numbers_is_no_surprise(
    small_document: Document, tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    text = json.dumps({**small_document, "normalizer": {"type": "NFC", "x": float("inf")}})
    path.write_text(text, encoding="utf-8")
    refusal(path)
