"""How far a check is."""

from ossia.verify.checks import Outcome, Progress, passed_if


def test_time_left_is_told_once_something_is_done() -> None:
    assert Progress("x", 0, 10, "tokens", 3.0).seconds_left is None
    assert Progress("x", 5, 10, "tokens", 3.0).seconds_left == 3.0
    assert Progress("x", 10, 10, "tokens", 3.0).seconds_left == 0.0


def test_outcomes() -> None:
    assert passed_if(True) is Outcome.PASSED
    assert passed_if(False) is Outcome.FAILED
