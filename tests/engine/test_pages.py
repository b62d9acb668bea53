import pytest

from ossia.engine.pages import PagePool, first_visible_page, num_pages_for
from ossia.ops.arrays import PAGE_SIZE


def test_a_page_holds_page_size_tokens() -> None:
    assert [num_pages_for(n) for n in (0, 1, PAGE_SIZE, PAGE_SIZE + 1)] == [0, 1, 1, 2]


def test_a_page_is_free_again_after_its_last_owner() -> None:
    pool = PagePool(2)
    page = pool.allocate()
    assert pool.share(page) == page
    pool.free(page)
    assert (pool.owners(page), pool.num_free) == (1, 1)
    pool.free(page)
    assert (pool.owners(page), pool.num_free) == (0, 2)


def test_low_numbers_go_first() -> None:
    pool = PagePool(3)
    assert [pool.allocate() for _ in range(3)] == [0, 1, 2]


def test_check_integrity_sees_a_leak_and_a_wrong_count() -> None:
    pool = PagePool(3)
    page = pool.allocate()
    pool.check_integrity([page])
    with pytest.raises(AssertionError):
        pool.check_integrity([])
    with pytest.raises(AssertionError):
        pool.check_integrity([page, page])


@pytest.mark.parametrize("window", [1, 31, 32, 33, 128])
def test_the_first_visible_page_holds_the_first_visible_token(window: int) -> None:
    for stored in (0, 5, 100, 101, 127, 128, 129, 700, 1500):
        # the next token stands at position `stored` and sees itself and window - 1 before it
        assert first_visible_page(stored, window) == max(0, stored + 1 - window) // PAGE_SIZE
