"""What stands behind ``search``: somebody who knows pages for a query. Knows no engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Hit:
    """A page that may answer a query.

    Attributes:
        summary: of the page, or the passage that fits.
        where: shown behind the title: the host, or the path of a file.
        place: of that passage among the characters of the page's text; None if not known.
    """

    url: str
    title: str
    summary: str
    where: str
    place: int | None = None


class SearchBackend(Protocol):
    """A search engine, or an index of one's own."""

    @property
    def host(self) -> str:
        """The host that is asked; "" where the query stays on this machine."""

    async def search(self, query: str, topn: int) -> Sequence[Hit]:
        """Pages for a query, best first; none where there are none.

        Raises:
            OssiaError: it cannot be asked, or does not answer.
        """
