from hypothesis import given
from hypothesis import strategies as st

from ossia.server.keys import Key
from ossia.server.limits import MINUTE, SECOND, Limits


def test_so_many_are_under_way_and_no_more() -> None:
    limits, key = Limits(lambda: 0), Key("a", "", 0.0, at_once=2)
    assert [limits.enter(key) for _ in range(3)] == [0, 0, 1]
    limits.leave(key)
    assert [limits.enter(key) for _ in range(2)] == [0, 1]
    assert limits.enter(Key("b", "", 0.0, at_once=1)) == 0  # each key for itself


def test_a_key_without_limits_has_none() -> None:
    limits, key = Limits(lambda: 0), Key("a", "", 0.0)
    assert not any(limits.enter(key) for _ in range(1000))


@given(st.lists(st.integers(0, 40 * SECOND), max_size=60), st.integers(1, 5))
def test_no_minute_has_more_than_are_allowed_and_who_waits_as_told_is_let_in(pauses, most) -> None:
    now, begun = 0, []
    limits, key = Limits(lambda: now), Key("a", "", 0.0, per_minute=most)
    for pause in pauses:
        now += pause
        if wait := limits.enter(key):
            assert 1 <= wait <= 60
            now += wait * SECOND
            assert limits.enter(key) == 0
        begun.append(now)
        assert sum(moment > now - MINUTE for moment in begun) <= most
