"""Who owns which page of the KV cache.

A pool hands out page numbers; the numbers' memory is the backend's. Two pools serve a model: one
for its full layers, one for its sliding layers, whose pages go back as the window moves on.
"""

from ossia.engine.request import Sequence
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE


class PagePool:
    """Free page numbers. Low numbers are given out first, so that untouched memory stays so."""

    def __init__(self, num_pages: int) -> None:
        self.num_pages = num_pages
        self._free = list(range(num_pages - 1, -1, -1))

    @property
    def num_free(self) -> int:
        """Pages that nobody owns."""
        return len(self._free)

    def allocate(self) -> int:
        """A page for the caller alone. The scheduler has made sure that there is one."""
        return self._free.pop()

    def free(self, page: int) -> None:
        """Takes a page back."""
        self._free.append(page)


def num_pages_for(num_tokens: int) -> int:
    """Pages that hold so many tokens of one sequence."""
    return -(-num_tokens // PAGE_SIZE)


def grow(pages: list[int], pool: PagePool, num_tokens: int) -> None:
    """Gives a sequence's page list room for ``num_tokens`` tokens in all."""
    while len(pages) < num_pages_for(num_tokens):
        pages.append(pool.allocate())


def slide(sequence: Sequence, pool: PagePool, window: int) -> None:
    """Frees the sliding pages that no token still to come can see."""
    first_visible = max(0, sequence.num_stored - window + 1)
    for logical in range(first_visible // PAGE_SIZE - 1, -1, -1):
        if sequence.sliding_pages[logical] == NO_PAGE:
            break  # everything before went earlier
        pool.free(sequence.sliding_pages[logical])
        sequence.sliding_pages[logical] = NO_PAGE


def release(pages: list[int], pool: PagePool) -> None:
    """Gives back all pages of a sequence."""
    for page in pages:
        if page != NO_PAGE:
            pool.free(page)
    pages.clear()


def check_integrity(pool: PagePool, page_lists: list[list[int]]) -> None:
    """Every page is free or owned exactly once. For tests, after any step.

    Raises:
        AssertionError: a page leaked or is owned twice.
    """
    owned = [page for pages in page_lists for page in pages if page != NO_PAGE]
    everything = sorted([*owned, *pool._free])
    assert everything == list(range(pool.num_pages)), "a page leaked or is owned twice"
