from itertools import islice
from pathlib import Path

import tokenizers

from ossia import hub
from ossia.tokenizer import Tokenizer
from ossia.tune.nano.conversations import draw_conversations
from ossia.tune.nano.vocabulary import NUM_TOKENS, SPECIALS


def test_the_recipe_makes_the_vocabulary_that_is_in_the_package(vocabulary_file: Path) -> None:
    shipped = hub.resolve("nano") / "tokenizer.json"
    assert vocabulary_file.read_bytes() == shipped.read_bytes()


def test_any_text_comes_back(tokenizer: Tokenizer) -> None:
    for text in ("27 + 58?", "안녕하세요 😀", "\x00\x7f\r\n\t", "<|start|>system", "ß→漢字"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_digit_is_a_token_of_its_own(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("1234567890")) == 10


def test_control_tokens_come_last(tokenizer: Tokenizer) -> None:
    assert tokenizer.vocabulary_size == NUM_TOKENS
    first = NUM_TOKENS - len(SPECIALS)
    assert {tokenizer.special(name): name for name in SPECIALS} == dict(
        enumerate(SPECIALS, start=first)
    )


def test_the_tokenizers_library_reads_the_same_ids(
    vocabulary_file: Path, tokenizer: Tokenizer
) -> None:
    oracle = tokenizers.Tokenizer.from_file(str(vocabulary_file))
    for conversation in islice(draw_conversations("ids"), 200):
        text = conversation.last.reasoning + conversation.last.question
        assert tokenizer.encode(text) == oracle.encode(text, add_special_tokens=False).ids
