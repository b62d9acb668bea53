import pytest

from ossia.agent.budget import Limits
from ossia.base.errors import InputError


@pytest.mark.parametrize("bad", [{"calls": -1}, {"tokens": 0}, {"seconds": 0.0}, {"seconds": -1.0}])
def test_limits_that_cannot_be_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(InputError, match="limits are above 0"):
        Limits(**bad)  # type: ignore[arg-type]


def test_no_calls_at_all_is_a_limit() -> None:
    assert Limits(calls=0, tokens=1, seconds=0.1).calls == 0
