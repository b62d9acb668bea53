"""The checks of numbers: nano passes each, and each finds the fault that it is there for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.verify.conftest import outcome, with_fault

from ossia import hub
from ossia.tokenizer import Tokenizer
from ossia.verify import numbers
from ossia.verify.checks import Outcome
from ossia.verify.known import Known, known_of
from ossia.verify.passage import Loaded
from ossia.verify.prompts import prompt_ids

PAST_WINDOW = prompt_ids(None, 1024, sum(numbers.PAST_WINDOW))


def known_nano() -> Known:
    known = known_of(hub.find("nano"))
    assert known is not None
    return known


def window_check(model: Loaded) -> Any:
    return outcome(numbers.check_chunks("window", model, PAST_WINDOW, numbers.PAST_WINDOW))


def test_nano_goes_on_as_transformers_says(nano: Loaded, tokenizer: Tokenizer) -> None:
    check = outcome(numbers.check_known(nano, tokenizer, known_nano()))
    assert (check.outcome, check.figure[:9]) == (Outcome.PASSED, "5 of nano")


def test_another_continuation_fails(reference: Loaded, tokenizer: Tokenizer) -> None:
    """In the form of the released models' file, of a model that does not say so."""
    known = Known("openai/gpt-oss-20b", {"Roses are red, violets": " are blue, I love you"})
    check = outcome(numbers.check_known(reference, tokenizer, known))
    assert check.outcome is Outcome.FAILED
    assert "instead of ' are blue" in check.figure


def test_a_difference_after_what_is_compared_passes(
    reference: Loaded, tokenizer: Tokenizer
) -> None:
    ((prompt, text), *_) = known_nano().continuations.items()
    made = tokenizer.decode(tokenizer.encode(text)[: numbers.NUM_COMPARED])
    for end, expected in (("!", Outcome.PASSED), ("", Outcome.PASSED)):
        known = Known("nano", {prompt: made + end})
        assert outcome(numbers.check_known(reference, tokenizer, known)).outcome is expected
    known = Known("nano", {prompt: made[:-1] + "!"})
    assert outcome(numbers.check_known(reference, tokenizer, known)).outcome is Outcome.FAILED


def test_a_wrong_rotation_fails_the_known(reference: Loaded, tokenizer: Tokenizer) -> None:
    table = replace(reference.rope, concentration=reference.rope.concentration * 1.3)
    check = outcome(numbers.check_known(replace(reference, rope=table), tokenizer, known_nano()))
    assert check.outcome is Outcome.FAILED


def test_steps_are_the_same_bits(nano: Loaded) -> None:
    check = outcome(numbers.check_steps(nano, PAST_WINDOW[:48]))
    assert (check.outcome, check.figure) == (
        Outcome.PASSED,
        "48 positions compared: the same bits",
    )


def test_a_product_that_depends_on_the_batch_fails_the_steps(nano: Loaded) -> None:
    def batched(linear: Any, x: Any, *rest: Any) -> Any:
        return linear(x, *rest) * np.float32(1 + 1e-6 * (len(x) > 1))

    check = outcome(numbers.check_steps(with_fault(nano, "linear", batched), PAST_WINDOW[:48]))
    assert check.outcome is Outcome.FAILED
    assert "logits differ by up to" in check.figure


def test_chunks_are_the_same_bits(nano: Loaded) -> None:
    check = window_check(nano)
    assert check.outcome is Outcome.PASSED
    assert check.figure == "300 tokens, 4 positions compared: the same bits"


def test_a_window_that_is_too_wide_fails_the_chunks(nano: Loaded) -> None:
    """By one page: it reads what slid out of sight, which somebody else may own by now."""

    def wide(attention: Any, q: Any, sinks: Any, batch: Any, pages: Any, table: Any, w: Any) -> Any:
        if w is None:
            return attention(q, sinks, batch, pages, table, w)
        whole = replace(table, pages=np.maximum(table.pages, 0))  # no hole to fall into
        return attention(q, sinks, batch, pages, whole, w + 64)

    assert window_check(with_fault(nano, "attention", wide)).outcome is Outcome.FAILED


def test_numbers_that_are_none_fail(nano: Loaded) -> None:
    def none(rms_norm: Any, *rest: Any) -> Any:
        return rms_norm(*rest) * np.float32("nan")

    broken = with_fault(nano, "rms_norm", none)
    assert window_check(broken).outcome is Outcome.FAILED
    assert outcome(numbers.check_steps(broken, PAST_WINDOW[:4])).outcome is Outcome.FAILED
    with np.errstate(invalid="ignore"):
        check = outcome(numbers.check_backends(broken, broken, PAST_WINDOW[:4]))
    assert check.outcome is Outcome.FAILED


@pytest.mark.parametrize("nano", ["cpu"], indirect=True)  # the reference takes a minute
def test_past_the_original_context(nano: Loaded) -> None:
    ids = prompt_ids(None, 1024, sum(numbers.PAST_ORIGINAL))
    check = outcome(numbers.check_chunks("long", nano, ids, numbers.PAST_ORIGINAL))
    assert check.outcome is Outcome.PASSED
    assert check.figure.startswith("4,220 tokens")


def test_backends_agree(nano: Loaded, reference: Loaded) -> None:
    check = outcome(numbers.check_backends(nano, reference, PAST_WINDOW[:150]))
    assert check.outcome is Outcome.PASSED
    assert check.figure.startswith("150 tokens, mean KL 0.0")


@pytest.mark.parametrize("op", ["experts", "attention", "rope"])
def test_a_wrong_op_is_found_by_the_reference(nano: Loaded, reference: Loaded, op: str) -> None:
    def half(right: Any, *rest: Any) -> Any:
        return right(*rest) * np.float32(0.5)

    broken = with_fault(nano, op, half)
    check = outcome(numbers.check_backends(broken, reference, PAST_WINDOW[:40]))
    assert check.outcome is Outcome.FAILED, check


def test_the_reference_has_only_so_long(reference: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "SECONDS_OF_REFERENCE", 0.0)
    check = outcome(numbers.check_backends(reference, reference, PAST_WINDOW[:40]))
    assert check.figure.startswith("4 tokens")


def test_what_takes_too_long_says_how_long() -> None:
    check = outcome(numbers.too_long("past 4,096 tokens", 1800))
    assert check.outcome is Outcome.NOT_RUN
    assert "30 minutes" in check.figure
