"""Durations of keep_alive."""

import math

import pytest

from ossia.base.errors import InputError
from ossia.server.ollama.durations import seconds_of


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        (0, 0),
        (300, 300),
        (0.5, 0.5),
        (-1, math.inf),
        ("-1", math.inf),
        ("-1m", math.inf),
        ("0", 0),
        ("60", 60),
        ("5m", 300),
        ("1h30m", 5400),
        ("2h45m10.5s", 9910.5),
        ("300ms", 0.3),
        ("10µs", 1e-5),
        ("+5m", 300),
    ],
)
def test_durations(duration: float | str, seconds: float) -> None:
    assert seconds_of(duration) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "m", "5 m", "5min", "1d", "5m-", "∞", "٣m", "9" * 99])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="keep_alive"):
        seconds_of(text)


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="keep_alive"):
        seconds_of(math.nan)
