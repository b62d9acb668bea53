from ossia.bench.observed import ObservedOps
from ossia.ops import reference
from ossia.ops.spec import OP_NAMES


def test_until_timed_ops_are_the_backends_own() -> None:
    observed = ObservedOps(reference)
    for name in set(OP_NAMES) - {"allocate_pages"}:
        assert getattr(observed, name) is getattr(reference, name)
    assert observed.__getattr__("__name__") == "ossia.ops.reference"


def test_pages_are_kept_in_order() -> None:
    observed = ObservedOps(reference)
    given = [observed.allocate_pages(num_pages, 2, 8) for num_pages in (3, 1)]
    assert [len(pages.keys) for pages in observed.pages] == [3, 1]
    assert all(pages is kept for pages, kept in zip(given, observed.pages, strict=True))


def test_timed_ops_give_the_same_and_are_counted(monkeypatch) -> None:
    import numpy as np

    x = np.ones((2, 4), np.float32)
    rows = np.array([1], np.int32)
    observed = ObservedOps(reference)
    observed.time()
    assert (observed.gather_rows(x, rows) == reference.gather_rows(x, rows)).all()
    ticks = iter([10.0, 12.5])
    monkeypatch.setattr("ossia.bench.observed.time.perf_counter", lambda: next(ticks))
    observed.seconds.clear()
    observed.gather_rows(x, rows)
    assert observed.seconds == {"gather_rows": 2.5}
