import pytest

from ossia.harmony import special, stop_token_ids
from ossia.tokenizer import Tokenizer


def test_return_call_and_end_of_text_end_an_answer_and_end_does_not(small: Tokenizer) -> None:
    names = ("<|return|>", "<|call|>", "<|endoftext|>")
    assert stop_token_ids(small) == {small.special(name) for name in names}
    assert small.special(special.END) not in stop_token_ids(small)


@pytest.mark.o200k
def test_stop_tokens_are_those_of_the_model_card(o200k: Tokenizer, oracle) -> None:
    ids = stop_token_ids(o200k)
    assert ids == {200002, 200012, 199999}
    # The oracle does not list the end of text, which closes an answer all the same.
    assert set(oracle.stop_tokens_for_assistant_actions()) == ids - {199999}
