import pytest

from ossia.base.errors import InputError
from ossia.bench import Workload


@pytest.mark.parametrize("name", ["prompt", "decode", "context", "repeat"])
@pytest.mark.parametrize("count", [0, -3])
def test_numbers_below_one_are_refused_by_their_flag(name: str, count: int) -> None:
    with pytest.raises(InputError, match=f"--{name} must be at least 1; it is {count}"):
        Workload(**{name: count})


def test_room_holds_the_longer_of_both_decodings() -> None:
    assert Workload(prompt=10, decode=4).room == 15
    assert Workload(prompt=10, decode=4, context=3).room == 15
    assert Workload(prompt=10, decode=4, context=100).room == 106


def test_prompts_differ_by_seed_and_come_again() -> None:
    workload = Workload(decode=7)
    first, again, other = (workload.request(40, 1000, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.prompt_ids != other.prompt_ids
    assert len(first.prompt_ids) == 40
    assert first.max_tokens == 8  # the first ends the prefill
    assert max(first.prompt_ids) < 1000
