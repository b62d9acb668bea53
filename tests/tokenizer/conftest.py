"""Vocabularies and texts for this room: a small BPE made here, and the oracle tiktoken."""

import base64
import json
import random
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from tiktoken_ext import openai_public
from tokenizers import AddedToken, Regex, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Engine

from ossia.tokenizer import Tokenizer, load_tokenizer
from ossia.tokenizer.byte_level import unspell

PROSE = """
The quick brown fox jumps over the lazy dog, doesn't it? It'll do so 1234567 times;
THEY'VE seen it.
안녕하세요. 오늘은 날씨가 좋네요!
두 수를 더하면 얼마인가요? 서른다섯과 마흔일곱을 더하면 여든둘입니다.
def add(first: int, second: int) -> int:\r\n    return first + second  # 👩‍🚀 🇰🇷 café naïve\r\n\r\n
"""


def _oracle(ranks: dict[bytes, int]) -> tiktoken.Encoding:
    """tiktoken's o200k_harmony, pattern and special tokens its own, over these ranks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_public, "load_tiktoken_bpe", lambda *_, **__: ranks)
        return tiktoken.Encoding(**openai_public.o200k_harmony())


def _split_pattern() -> str:
    return _oracle({bytes([byte]): byte for byte in range(256)})._pat_str


@pytest.fixture(scope="session")
def small_document() -> dict[str, Any]:
    """A tokenizer.json as Hugging Face's trainer makes it, with three special tokens."""
    engine = Engine(models.BPE())
    engine.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_split_pattern()), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
    engine.train_from_iterator([PROSE] * 4, trainer)
    engine.add_special_tokens([AddedToken(f"<|{name}|>") for name in ("start", "end", "message")])
    document: dict[str, Any] = json.loads(engine.to_str())
    return document


@pytest.fixture(scope="session")
def small_ranks(small_document: dict[str, Any]) -> dict[bytes, int]:
    """The same tokens by their bytes; the trainer numbers them in the order of merging."""
    return {unspell(token): rank for token, rank in small_document["model"]["vocab"].items()}


@pytest.fixture(scope="session")
def small_oracle(small_ranks: dict[bytes, int]) -> tiktoken.Encoding:
    return _oracle(small_ranks)


@pytest.fixture(scope="session")
def o200k_oracle(o200k_path: Path) -> tiktoken.Encoding:
    lines = (line.split() for line in o200k_path.read_bytes().splitlines())
    return _oracle({base64.b64decode(token): int(rank) for token, rank in lines})


@pytest.fixture
def write_json(tmp_path: Path) -> Callable[[Any], Path]:
    """Write a document as a tokenizer.json."""

    def write(document: Any) -> Path:
        path = tmp_path / "tokenizer.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def small(small_document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("small") / "tokenizer.json"
    path.write_text(json.dumps(small_document), encoding="utf-8")
    return load_tokenizer(json=path)


@pytest.fixture(scope="session")
def as_gguf() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Turn a tokenizer.json into the metadata that a GGUF converter writes for it."""

    def convert(document: dict[str, Any]) -> dict[str, Any]:
        ids = dict(document["model"]["vocab"])
        ids |= {token["content"]: token["id"] for token in document["added_tokens"]}
        names = {token_id: token for token, token_id in ids.items()}
        special = {token["id"] for token in document["added_tokens"] if token["special"]}
        words = {token["id"] for token in document["added_tokens"] if not token["special"]}
        size = max(names) + 9  # models pad their vocabulary, and converters make names for it
        types = [
            3 if i in special else 4 if i in words else 1 if i in names else 5 for i in range(size)
        ]
        return {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "gpt-4o",
            "tokenizer.ggml.tokens": [names.get(i, f"[PAD{i}]") for i in range(size)],
            "tokenizer.ggml.token_type": types,
            "tokenizer.ggml.merges": [" ".join(pair) for pair in document["model"]["merges"]],
            "tokenizer.ggml.eos_token_id": max(names),
        }

    return convert


def _any_character(chance: random.Random) -> str:
    """One of all characters, the lower planes more often; never a surrogate."""
    code_point = chance.randrange(chance.choice((0x800, 0x3000, 0x20000, 0x110000)))
    return "\ufffd" if 0xD800 <= code_point < 0xE000 else chr(code_point)


def _pieces(chance: random.Random) -> list[Callable[[], str]]:
    """Makers of the kinds of text on which tokenizers have differed."""
    pick, number = chance.choice, chance.randrange
    words = [*PROSE.split(), "I'M", "you'LL", "ſ'ſ", "Ǆ", "ß", "İ", "ᵃ", "ـ", "ｶ", "Ⅷ", "٣٤", "½"]
    code = (
        "{\n\t",
        "});",
        "=>",
        "//",
        "/*",
        "</div>",
        "\\n",
        "__init__",
        "a_b",
        "->",
        "!=",
        "<|start|>",
    )
    joined = ("👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "❤️", "🇰🇷🇺", "1️⃣", "\u200d", "\ufe0f")
    return [
        lambda: pick(words),
        lambda: pick(words).upper(),
        lambda: " " + pick(words).title(),
        lambda: "".join(chr(number(0xAC00, 0xD7A4)) for _ in range(number(1, 6))),
        lambda: unicodedata.normalize("NFD", chr(number(0xAC00, 0xD7A4))),
        lambda: pick(joined),
        lambda: pick(code),
        lambda: "".join(pick("0123456789") for _ in range(number(1, 40))),
        lambda: (
            pick((" ", "\n", "\r\n", "\t", "\u3000", "\u00a0", "\x85", "\u2028", "/"))
            * number(1, 9)
        ),
        lambda: (
            pick("aeEon한あ ") + "".join(chr(number(0x300, 0x370)) for _ in range(number(1, 4)))
        ),
        lambda: chr(number(32)) + chr(0x7F + number(33)),
        lambda: "".join(_any_character(chance) for _ in range(number(1, 4))),
        lambda: "'" + pick(("s", "T", "re", "VE", "m", "lL", "d", "ſ", "x")),
    ]


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """20,000 random texts without lone surrogates, the same in every run."""
    chance = random.Random(2)
    pieces = _pieces(chance)
    return [
        "".join(chance.choice(pieces)() for _ in range(chance.randrange(10))) for _ in range(20_000)
    ]
