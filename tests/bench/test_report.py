from ossia.bench import Spread


def test_spread() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(median=2.0, lowest=1.0, highest=3.0)
    assert Spread.of([5.0]) == Spread(5.0, 5.0, 5.0)
