"""The rule of loops, against the same rule spelled out slowly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.chat.loops import MAX_RUN, MIN_REPEATS, MIN_TOKENS, LoopDetector


def is_loop(ids: list[int]) -> bool:
    """The rule, as the module tells it."""
    for run in range(1, min(MAX_RUN, len(ids) // MIN_REPEATS) + 1):
        num_repeats = max(MIN_REPEATS, -(-MIN_TOKENS // run))
        last = ids[-run:]
        enough = max(MIN_REPEATS * run, MIN_TOKENS)
        tail = ids[-enough:]
        whole = (last * num_repeats)[-enough:]
        if len(ids) >= enough and tail == whole:
            return True
    return False


@pytest.mark.parametrize("run", [1, 2, 7, 49, 50, 51, 300, MAX_RUN])
def test_a_run_is_a_loop_when_it_is_there_often_enough(run: int) -> None:
    unit = list(range(run))
    start = [5000, 5001, 5002]
    enough = max(MIN_REPEATS * run, MIN_TOKENS)
    detector = LoopDetector()
    answers = [detector.feed(i) for i in start + (unit * enough)[:enough]]
    assert answers.index(True) == len(start) + enough - 1


@given(st.lists(st.integers(0, 2), max_size=60), st.integers(1, 70), st.integers(250, 450))
def test_random_tokens_then_a_run(noise: list[int], run: int, length: int) -> None:
    unit = np.random.default_rng(run).integers(0, 3, run).tolist()
    ids = noise + (unit * length)[:length]
    detector = LoopDetector()
    found = [detector.feed(i) for i in ids]
    assert found[-1] == is_loop(ids)


def test_counting_is_no_loop() -> None:
    detector = LoopDetector()
    ids = [token for number in range(900) for token in (number, 7, 8)]
    assert not any(map(detector.feed, ids))
