import pytest

from ossia.base.errors import TokenizerError
from ossia.harmony import check_vocabulary, special, stop_token_ids
from ossia.tokenizer import Tokenizer, load_tokenizer


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


NEEDED = (special.START, special.END, special.MESSAGE, special.CHANNEL, *special.STOPS)


@pytest.mark.parametrize("missing", NEEDED)
def test_a_vocabulary_that_lacks_a_needed_control_token_is_refused(
    write_vocabulary, missing: str
) -> None:
    names = [name for name in NEEDED if name != missing]
    lacking = load_tokenizer(json=write_vocabulary(names))
    with pytest.raises(TokenizerError, match=f"no special token {missing}".replace("|", r"\|")):
        check_vocabulary(lacking)


def test_the_needed_control_tokens_are_enough(write_vocabulary) -> None:
    check_vocabulary(load_tokenizer(json=write_vocabulary(NEEDED)))
