"""The breaker: a loop in the reasoning ends it, and the answer follows."""

import numpy as np
import pytest

from ossia.chat.constraint import AnswerConstraint
from ossia.harmony.envelope import Envelope, Rules
from ossia.tokenizer import load_tokenizer


@pytest.mark.parametrize("unit", ["a", "so it is. "])
def test_a_loop_in_the_reasoning_is_ended_and_counted(harmony_json, encode_output, unit) -> None:
    tokenizer = load_tokenizer(json=harmony_json)
    constraint = AnswerConstraint(Envelope(tokenizer, Rules()))
    for token_id in encode_output(tokenizer, "<|channel|>analysis<|message|>Hm."):
        constraint.accept(token_id)
    end = tokenizer.special("<|end|>")
    num_said = 0
    while np.flatnonzero(constraint.mask()).tolist() != [end]:
        constraint.accept(tokenizer.encode(unit)[num_said % len(tokenizer.encode(unit))])
        num_said += 1
    assert 300 <= num_said <= 301
    assert constraint.num_loops == 1
    for token_id in encode_output(
        tokenizer, "<|end|><|start|>assistant<|channel|>final<|message|>"
    ):
        assert np.flatnonzero(constraint.mask()).tolist() == [token_id]
        constraint.accept(token_id)


def test_the_same_words_in_an_answer_are_no_loop(harmony_json, encode_output) -> None:
    tokenizer = load_tokenizer(json=harmony_json)
    constraint = AnswerConstraint(Envelope(tokenizer, Rules()))
    for token_id in encode_output(tokenizer, "<|channel|>final<|message|>" + "ha " * 400):
        constraint.accept(token_id)
    assert constraint.num_loops == 0
    assert constraint.mask().sum() > 200
