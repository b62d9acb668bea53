import pytest

from ossia.engine.pages import PagePool, check_integrity, grow, num_pages_for, release, slide
from ossia.engine.request import Request, Sequence
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE


def test_a_page_holds_page_size_tokens() -> None:
    assert [num_pages_for(n) for n in (0, 1, PAGE_SIZE, PAGE_SIZE + 1)] == [0, 1, 1, 2]


def test_grow_and_release_keep_every_page_accounted_for() -> None:
    pool, first, second = PagePool(5), [], []
    grow(first, pool, 2 * PAGE_SIZE)
    grow(second, pool, 1)
    grow(first, pool, 2 * PAGE_SIZE + 1)
    check_integrity(pool, [first, second])
    assert (len(first), len(second), pool.num_free) == (3, 1, 1)
    release(first, pool)
    check_integrity(pool, [first, second])
    assert (first, pool.num_free) == ([], 4)


def test_check_integrity_sees_a_leak_and_a_double_owner() -> None:
    pool, pages = PagePool(3), []
    grow(pages, pool, PAGE_SIZE)
    with pytest.raises(AssertionError):
        check_integrity(pool, [])
    with pytest.raises(AssertionError):
        check_integrity(pool, [pages, pages])


@pytest.mark.parametrize("window", [1, 31, 32, 33, 128])
def test_slide_frees_exactly_the_pages_out_of_sight(window: int) -> None:
    pool = PagePool(64)
    sequence = Sequence(Request((1,)), [1], capacity=10_000)
    for stored in (5, 100, 101, 700, 1500):
        sequence.num_stored = stored
        grow(sequence.sliding_pages, pool, stored)
        slide(sequence, pool, window)
        check_integrity(pool, [sequence.sliding_pages])
        first_visible = max(0, stored + 1 - window)  # the next token stands at position `stored`
        held = [i for i, page in enumerate(sequence.sliding_pages) if page != NO_PAGE]
        assert held == list(range(first_visible // PAGE_SIZE, num_pages_for(stored)))
