import pytest

from ossia.engine.memory import PREFILL_CHUNK
from ossia.engine.pace import STRETCH, Pace


def seconds_of(num_decoding: int, num_prompt: int) -> float:
    """A step on two cores, 20b shape, as measured: weights to read, and work for each token."""
    quiet = 0.06 + 0.024 * min(num_decoding, 16)
    return max(quiet, 0.25) + 0.2 + 0.0085 * num_prompt if num_prompt else quiet


def settled(num_decoding: int, *, first_quiet: int = 3) -> tuple[Pace, float, float]:
    """After a long prompt came: the mean time between tokens, in quiet ones, and prompt tokens/s.

    Measured once pieces have settled.
    """
    pace = Pace()
    for _ in range(first_quiet):
        pace.record(num_decoding, 0, seconds_of(num_decoding, 0))
    total, num_tokens, num_steps = 0.0, 0, 300
    for step in range(2 * num_steps):
        num_prompt = pace.prompt_tokens(num_decoding)
        seconds = seconds_of(num_decoding, num_prompt)
        pace.record(num_decoding, num_prompt, seconds)
        if step >= num_steps:
            total += seconds
            num_tokens += num_prompt
    return pace, total / num_steps / seconds_of(num_decoding, 0), num_tokens / total


def test_where_nobody_waits_a_piece_is_as_large_as_can_be() -> None:
    assert Pace().prompt_tokens(0) == PREFILL_CHUNK


@pytest.mark.parametrize("num_decoding", [1, 2, 4, 8, 16])
def test_those_who_wait_are_held_up_as_much_as_they_put_up_with(num_decoding: int) -> None:
    _, stretch, rate = settled(num_decoding)
    assert 0.8 * STRETCH < stretch < 1.2 * STRETCH
    assert rate > 30


def test_a_prompt_always_goes_on() -> None:
    pace, num_done = Pace(), 0
    pace.record(1, 0, 0.001)
    for _ in range(20_000):
        num_prompt = pace.prompt_tokens(1)
        num_done += num_prompt
        pace.record(1, num_prompt, 1.0 if num_prompt else 0.001)
    assert num_done > 300


def test_what_is_owed_is_forgotten_when_nobody_waits() -> None:
    pace = Pace()
    pace.record(1, 0, 0.001)
    pace.record(1, 64, 10.0)
    assert pace.prompt_tokens(1) == 0
    pace.record(0, 512, 5.0)
    assert pace.prompt_tokens(1) > 0


def test_without_a_quiet_step_to_compare_with_pieces_stay_as_they_are() -> None:
    pace, _, _ = settled(8, first_quiet=0)
    assert pace.prompt_tokens(8) == Pace().prompt_tokens(8)


def test_the_end_of_a_prompt_does_not_make_pieces_grow() -> None:
    pace = Pace()
    pace.record(8, 0, 0.3)
    before = pace.prompt_tokens(8)
    for _ in range(20):
        pace.record(8, 3, 0.3)
    assert pace.prompt_tokens(8) == before
