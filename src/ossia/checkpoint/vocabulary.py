"""A vocabulary on its way from one checkpoint to another: tokenizer.json, GGUF keys, rank file.

Knows how the three spell the same tokens, so that a converted checkpoint can speak; encoding and
decoding text is ``ossia.tokenizer``'s. A tokenizer.json travels through GGUF whole, under the key
that GGUF's specification has for it; from the GGUF of another tool it is built anew.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

from ossia.base.errors import CheckpointError
from ossia.checkpoint.source import TokenizerFiles

HF_JSON = "tokenizer.huggingface.json"
CHAT_TEMPLATE = "tokenizer.chat_template"

_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K_PATTERN = "|".join(
    (
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTION}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTION}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
"""How o200k splits text before merging (tiktoken, ``o200k_base``)."""

_O200K_ORDINARY, _O200K_TOKENS = 199_998, 201_088
_O200K_NAMED = {
    199_998: "<|startoftext|>",
    199_999: "<|endoftext|>",
    200_002: "<|return|>",
    200_003: "<|constrain|>",
    200_005: "<|channel|>",
    200_006: "<|start|>",
    200_007: "<|end|>",
    200_008: "<|message|>",
    200_012: "<|call|>",
    200_018: "<|endofprompt|>",
}


class _Type(IntEnum):
    """Values of GGUF's ``tokenizer.ggml.token_type``."""

    NORMAL = 1
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5


@dataclass(frozen=True)
class _Tokens:
    """A byte-pair vocabulary.

    Attributes:
        ordinary: ids of tokens that merges make, in the byte-level alphabet.
        merges: two tokens with a space between, the first merge first.
        specials: ids of control tokens.
        words: ids of text that is one token whatever the merges say.
        is_o200k: whether text is split as gpt-oss splits it.
    """

    ordinary: Mapping[str, int]
    merges: list[str]
    specials: Mapping[str, int]
    words: Mapping[str, int]
    is_o200k: bool


def special_ids(files: TokenizerFiles) -> Mapping[str, int]:
    """Ids of the control tokens by name; none when there is no vocabulary.

    Raises:
        CheckpointError: the vocabulary cannot be read.
    """
    tokens = _read(files)
    return tokens.specials if tokens else {}


def tokenizer_json(files: TokenizerFiles) -> bytes | None:
    """The vocabulary as the text of a tokenizer.json, or None when there is none.

    Raises:
        CheckpointError: the vocabulary cannot be read.
    """
    if files.json is not None:
        return _bytes(files.json)
    if files.gguf is not None and isinstance(text := files.gguf.get(HF_JSON), str):
        return text.encode()
    tokens = _read(files)
    if tokens is None:
        return None
    return json.dumps(_document(tokens), ensure_ascii=False, indent=1).encode()


def gguf_keys(files: TokenizerFiles, rows: int) -> dict[str, Any]:
    """The vocabulary as GGUF metadata, padded to the rows of the embedding; empty if there is none.

    Raises:
        CheckpointError: the vocabulary cannot be read, or has more tokens than ``rows``.
    """
    template = {} if files.chat_template is None else {CHAT_TEMPLATE: files.chat_template}
    if files.gguf is not None:
        return {k: v for k, v in files.gguf.items() if k.startswith("tokenizer.")} | template
    tokens = _read(files)
    if tokens is None:
        return {}
    names = [f"[PAD{token_id}]" for token_id in range(rows)]
    types = [int(_Type.UNUSED)] * rows
    for kind, group in (
        (_Type.NORMAL, tokens.ordinary),
        (_Type.USER_DEFINED, tokens.words),
        (_Type.CONTROL, tokens.specials),
    ):
        for name, token_id in group.items():
            if not 0 <= token_id < rows:
                raise CheckpointError(
                    f"the vocabulary has token {token_id} but the model's embedding {rows} rows; "
                    "take a vocabulary that belongs to the model"
                )
            names[token_id], types[token_id] = name, int(kind)
    keys: dict[str, Any] = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-4o" if tokens.is_o200k else "default",
        "tokenizer.ggml.tokens": names,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": tokens.merges,
    }
    for key, name in (
        ("bos", "<|startoftext|>"),
        ("eos", "<|return|>"),
        ("padding", "<|endoftext|>"),
    ):
        if name in tokens.specials:
            keys[f"tokenizer.ggml.{key}_token_id"] = tokens.specials[name]
    if files.json is not None:
        keys[HF_JSON] = _bytes(files.json).decode()
    return keys | template


def _read(files: TokenizerFiles) -> _Tokens | None:
    if files.json is not None:
        return _from_json(files.json)
    if files.ranks is not None:
        return _from_ranks(files.ranks)
    return None if files.gguf is None else _from_gguf(files.gguf)


@cache
def _from_json(path: Path) -> _Tokens:
    try:
        document = json.loads(_bytes(path))
        model, added = document["model"], document.get("added_tokens") or []
        merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
        special = {
            token["content"]: int(token["id"]) for token in added if token.get("special", True)
        }
        words = {
            token["content"]: int(token["id"]) for token in added if not token.get("special", True)
        }
        ordinary = {token: int(token_id) for token, token_id in model["vocab"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{path}: expected a tokenizer.json with a BPE model") from None
    is_o200k = _split_patterns(document.get("pre_tokenizer")) == [O200K_PATTERN]
    is_o200k = is_o200k and document.get("normalizer") is None
    return _Tokens(ordinary, merges, special, words, is_o200k)


def _split_patterns(step: Any) -> list[Any]:
    """The regular expressions that a pre-tokenizer splits by."""
    if not isinstance(step, dict):
        return []
    nested = [pattern for s in step.get("pretokenizers", []) for pattern in _split_patterns(s)]
    own = [step["pattern"].get("Regex")] if isinstance(step.get("pattern"), dict) else []
    return own + nested


@cache
def _from_ranks(path: Path) -> _Tokens:
    """A tiktoken rank file, with the control tokens of harmony above it."""
    alphabet = _alphabet()
    try:
        lines = (line.split() for line in _bytes(path).splitlines() if line)
        ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    except ValueError:
        raise CheckpointError(f"{path}: expected a tiktoken rank file") from None
    ordinary = {token.decode("latin-1").translate(alphabet): rank for token, rank in ranks.items()}
    merges = [
        f"{token[:at]} {token[at:]}"
        for token in sorted(ordinary, key=ordinary.__getitem__)
        for at in _cuts(token, ordinary)
    ]
    ids = range(_O200K_ORDINARY, _O200K_TOKENS)
    specials = {_O200K_NAMED.get(i, f"<|reserved_{i}|>"): i for i in ids}
    return _Tokens(ordinary, merges, specials, {}, is_o200k=True)


def _cuts(token: str, ranks: Mapping[str, int]) -> list[int]:
    """Where a token parts into two tokens: each is a merge, lower ranks first."""
    cuts = [at for at in range(1, len(token)) if token[:at] in ranks and token[at:] in ranks]
    return sorted(cuts, key=lambda at: (ranks[token[:at]], ranks[token[at:]]))


def _from_gguf(metadata: Mapping[str, Any]) -> _Tokens:
    names = metadata.get("tokenizer.ggml.tokens")
    if not isinstance(names, list):
        raise CheckpointError("GGUF metadata: tokenizer.ggml.tokens is missing; nothing to convert")
    types = metadata.get("tokenizer.ggml.token_type", [int(_Type.NORMAL)] * len(names))
    by_type: dict[int, dict[str, int]] = {}
    for token_id, (name, kind) in enumerate(zip(names, types, strict=False)):
        by_type.setdefault(kind, {})[name] = token_id
    return _Tokens(
        by_type.get(_Type.NORMAL, {}),
        metadata.get("tokenizer.ggml.merges", []),
        by_type.get(_Type.CONTROL, {}),
        by_type.get(_Type.USER_DEFINED, {}),
        is_o200k=metadata.get("tokenizer.ggml.pre") == "gpt-4o",
    )


def _document(tokens: _Tokens) -> dict[str, Any]:
    """A tokenizer.json with gpt-oss's pipeline."""
    if not tokens.is_o200k:
        raise CheckpointError(
            "this GGUF splits text in another way than gpt-oss (tokenizer.ggml.pre is not gpt-4o) "
            "and has no tokenizer.json in it; its vocabulary cannot be converted"
        )
    added = sorted(
        (i, name, name in tokens.specials)
        for name, i in {**tokens.specials, **tokens.words}.items()
    )
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    split = {"type": "Split", "pattern": {"Regex": O200K_PATTERN}, "behavior": "Isolated"}
    steps = [split | {"invert": False}, byte_level | {"use_regex": False}]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": name, **flags, "special": s} for i, name, s in added],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "post_processor": byte_level | {"use_regex": True},
        "decoder": byte_level | {"use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": dict(tokens.ordinary),
            "merges": [merge.split(" ") for merge in tokens.merges],
        },
    }


def _alphabet() -> dict[int, int]:
    """The character that stands for each byte: itself if printable, else one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    return {byte: 0x100 + number for number, byte in enumerate(others)}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot read the vocabulary: {error.strerror}") from None
