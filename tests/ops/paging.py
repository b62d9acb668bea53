"""Pages of sequences that share nothing, for tests of attention alone."""

from ossia.engine.pages import PagePool, first_visible_page, num_pages_for
from ossia.engine.request import Sequence
from ossia.ops.arrays import NO_PAGE


def grow(pages: list[int], pool: PagePool, num_tokens: int) -> None:
    """Gives a page list room for so many tokens in all."""
    while len(pages) < num_pages_for(num_tokens):
        pages.append(pool.allocate())


def slide(sequence: Sequence, pool: PagePool, window: int) -> None:
    """Frees the sliding pages that no token still to come can see."""
    for index in range(first_visible_page(sequence.num_stored, window)):
        if (page := sequence.sliding_pages[index]) != NO_PAGE:
            pool.free(page)
            sequence.sliding_pages[index] = NO_PAGE
