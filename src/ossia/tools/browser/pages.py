"""The pages of a conversation, each under a cursor, and how they are made. Asks no network."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from ossia.base.errors import InputError
from ossia.tools.browser.display import numbered_lines, with_address
from ossia.tools.browser.search import Hit
from ossia.tools.documents import Document
from ossia.tools.documents.document import one_line

MAX_MATCHES = 50
LINES_A_MATCH = 4

_LINK = re.compile(r"【\d+†([^†】]*)(?:†[^】]*)?】")
_FIRST_HALF = re.compile(r"【\d*(?:†([^†】]*)(?:†[^】]*)?)?$")
_SECOND_HALF = re.compile(r"^([^【】†]*)(?:†[^【】]*)?】")


@dataclass(frozen=True)
class Link:
    """Where a link leads.

    Attributes:
        line: of the page there that is meant; place: the same in characters of its document.
    """

    url: str
    line: int | None = None
    place: int | None = None


@dataclass(frozen=True)
class View:
    """A page as the model sees it.

    Attributes:
        url: as shown.
        source: what is cited of it; "" of search results.
        searched: the page that these are places of, if they are what ``find`` found.
    """

    title: str
    url: str
    source: str
    text: str
    links: tuple[Link, ...] = ()
    searched: "View | None" = None

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Its lines, as they are numbered."""
        return numbered_lines(self.text)


class Pages:
    """Every page that a conversation has shown, in order; the number of a page is its cursor."""

    def __init__(self) -> None:
        self._views: list[View] = []

    def add(self, view: View) -> int:
        """Its cursor."""
        self._views.append(view)
        return len(self._views) - 1

    def at(self, cursor: int | None) -> View:
        """The page under a cursor; None is the most recent.

        Raises:
            InputError: there is none.
        """
        if not self._views:
            raise InputError("no page was opened yet; search, or open an address")
        if cursor is None:
            return self._views[-1]
        if cursor >= len(self._views):
            raise InputError(f"there is no page [{cursor}]; the last is [{len(self._views) - 1}]")
        return self._views[cursor]

    def link(self, cursor: int | None, number: int) -> Link:
        """A link of a page.

        Raises:
            InputError: there is none.
        """
        links = self.at(cursor).links
        if number >= len(links):
            has = f"it has 0 to {len(links) - 1}" if links else "it has none"
            raise InputError(f"the page has no link {number}; {has}")
        return links[number]

    def clear(self) -> None:
        """Forgets them."""
        self._views.clear()


def results_view(query: str, hits: Sequence[Hit]) -> View:
    """Search results as a page."""
    items = "".join(
        f"\n  * 【{number}†{_within(hit.title or hit.where)}†{_within(hit.where)}】 "
        f"{one_line(hit.summary, 600)}"
        for number, hit in enumerate(hits)
    )
    links = tuple(Link(hit.url, place=hit.place) for hit in hits)
    text = with_address("", f"# Search Results\n{items}")
    return View(one_line(query), "", "", text, links)


def document_view(url: str, document: Document) -> View:
    """A document as a page."""
    links = tuple(map(Link, document.links))
    return View(document.title, url, url, with_address(url, document.text), links)


def moved_view(url: str, target: str) -> View:
    """A page that says that another is elsewhere."""
    text = with_address(
        url, f"This page has moved to 【0†{_within(target)}】. Open it to go there."
    )
    return View("Moved", url, url, text, (Link(target),))


def matches_view(view: View, pattern: str) -> View:
    """The places of a page that have a text, in whatever case, as a page of links to them."""
    lines = _without_links(view.lines)
    wanted = pattern.casefold()
    found: list[int] = []
    number = 0
    while number < len(lines) and len(found) < MAX_MATCHES:
        # Lines are broken between words: what is looked for may begin in one and end in the next.
        line = lines[number].casefold()
        both = line + "".join(lines[number + 1 : number + 2]).casefold()
        if 0 <= both.find(wanted) < max(1, len(line)):
            found.append(number)
            number += LINES_A_MATCH
        else:
            number += 1
    parts = [
        f"# 【{index}†match at L{line}】\n" + "\n".join(lines[line : line + LINES_A_MATCH])
        for index, line in enumerate(found)
    ]
    return View(
        f"Find results for text: `{one_line(pattern)}` in `{view.title}`",
        f"{view.url}/find?pattern={quote(pattern)}",
        view.source,
        "\n\n".join(parts) or f"No `find` results for pattern: `{one_line(pattern)}`",
        tuple(Link(view.source, line=line) for line in found),
        view,
    )


def _without_links(lines: Sequence[str]) -> list[str]:
    """Lines whose links are their texts; a link may be broken between two lines."""
    return [
        _LINK.sub(r"\1", _FIRST_HALF.sub(lambda half: half[1] or "", _SECOND_HALF.sub(r"\1", line)))
        for line in lines
    ]


def _within(text: str) -> str:
    """Text within a link."""
    return one_line(text, 200).replace("†", "‡")
