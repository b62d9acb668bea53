import pytest

from ossia.engine.memory import PREFILL_CHUNK
from ossia.engine.pace import STRETCH, Pace


def seconds_of(num_decoding: int, num_prompt: int) -> float:
    """A step on two cores, 20b shape, as measured: weights to read, and work for each token."""
    return 0.08 + 0.024 * min(num_decoding, 16) + (0.1 + 0.009 * num_prompt if num_prompt else 0)


def settled(num_decoding: int, *, first_quiet: int = 3) -> tuple[Pace, float]:
    """A pace after a long prompt came, and how long the last steps took, in quiet ones."""
    pace = Pace()
    for _ in range(first_quiet):
        pace.record(num_decoding, 0, seconds_of(num_decoding, 0))
    for _ in range(60):
        num_prompt = pace.prompt_tokens(num_decoding)
        seconds = seconds_of(num_decoding, num_prompt)
        pace.record(num_decoding, num_prompt, seconds)
    return pace, seconds / seconds_of(num_decoding, 0)


def test_where_nobody_waits_a_piece_is_as_large_as_can_be() -> None:
    assert Pace().prompt_tokens(0) == PREFILL_CHUNK


@pytest.mark.parametrize("num_decoding", [4, 8, 16])
def test_pieces_settle_where_those_who_wait_can_bear_them(num_decoding: int) -> None:
    pace, stretch = settled(num_decoding)
    assert 0.8 * STRETCH < stretch < 1.2 * STRETCH
    assert pace.prompt_tokens(num_decoding) > 16


def test_a_prompt_always_goes_on() -> None:
    pace = Pace()
    pace.record(1, 0, 0.001)
    for _ in range(50):
        pace.record(1, pace.prompt_tokens(1), 10.0)
    assert pace.prompt_tokens(1) == 16


def test_without_a_quiet_step_to_compare_with_pieces_stay_as_they_are() -> None:
    pace, _ = settled(8, first_quiet=0)
    assert pace.prompt_tokens(8) == Pace().prompt_tokens(8)


def test_the_end_of_a_prompt_does_not_make_pieces_grow() -> None:
    pace = Pace()
    pace.record(8, 0, 0.3)
    before = pace.prompt_tokens(8)
    for _ in range(20):
        pace.record(8, 3, 0.3)
    assert pace.prompt_tokens(8) == before
