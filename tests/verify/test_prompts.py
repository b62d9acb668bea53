"""Prompts: as long as asked for, the same every time."""

from ossia.tokenizer import Tokenizer
from ossia.verify.prompts import prompt_ids


def test_texts_and_random_ids(tokenizer: Tokenizer) -> None:
    for spoken in (tokenizer, None):
        for length in (1, 48, 4220):
            token_ids = prompt_ids(spoken, 1024, length)
            assert len(token_ids) == length
            assert 0 <= min(token_ids) <= max(token_ids) < 1024
            assert token_ids == prompt_ids(spoken, 1024, length)
    text = tokenizer.decode(prompt_ids(tokenizer, 1024, 200))
    assert text.startswith("1. On day 1 the keeper")
