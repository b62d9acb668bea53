"""Page numbers of the KV cache, and how many own each.

The numbers' memory is the backend's; who the owners are is ``kv_cache``'s. Two pools serve a model:
one for its full layers, one for its sliding layers, of which a sequence needs its window alone.
"""

from ossia.ops.arrays import PAGE_SIZE


class PagePool:
    """Pages with a count of owners. Low numbers go first, so that untouched memory stays so."""

    def __init__(self, num_pages: int) -> None:
        self.num_pages = num_pages
        self._free = list(range(num_pages - 1, -1, -1))
        self._owners = [0] * num_pages

    @property
    def num_free(self) -> int:
        """Pages that nobody owns."""
        return len(self._free)

    def owners(self, page: int) -> int:
        """How many own a page."""
        return self._owners[page]

    def allocate(self) -> int:
        """A page for the caller alone, who has made sure that there is one."""
        page = self._free.pop()
        self._owners[page] = 1
        return page

    def share(self, page: int) -> int:
        """One more owner of a page, which is returned."""
        self._owners[page] += 1
        return page

    def free(self, page: int) -> None:
        """One owner less; after the last, anybody may have the page."""
        self._owners[page] -= 1
        if self._owners[page] == 0:
            self._free.append(page)

    def check_integrity(self, owned: list[int]) -> None:
        """For tests: ``owned`` are all pages that somebody holds, once for each owner.

        Raises:
            AssertionError: a page leaked, or is owned by more or fewer than it counts.
        """
        counts = [0] * self.num_pages
        for page in owned:
            counts[page] += 1
        assert counts == self._owners, "a page's owners are not those it counts"
        free = [page for page, count in enumerate(counts) if count == 0]
        assert sorted(self._free) == free, "a page leaked or is free and owned"


def num_pages_for(num_tokens: int) -> int:
    """Pages that hold so many tokens of one sequence."""
    return -(-num_tokens // PAGE_SIZE)


def first_visible_page(num_stored: int, window: int) -> int:
    """The first page that the next token still sees through the window; those before are of no use.

    Args:
        num_stored: tokens before it.
    """
    return max(0, num_stored - window + 1) // PAGE_SIZE
