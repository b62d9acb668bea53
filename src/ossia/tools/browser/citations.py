"""Citations in an answer: which lines of which page it names, and where in the answer.

The model was trained to write ``【3†L12-L15】``; what else it writes is read too: ``【3†L12-15】``,
a dash of another kind, several ranges, brackets of another kind, no lines at all.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ossia.tools.tool import Page

_NUMBERS = r"\d{1,7}(?:\s*[-–—‑~]\s*L?\d{0,7})?"
_MORE = rf"(?:\s*[,;]\s*L?{_NUMBERS})*"
_CITATION = re.compile(
    rf"【\s*(?P<cursor>\d{{1,6}})\s*(?:†\s*(?P<lines>L{_NUMBERS}{_MORE}|{_NUMBERS}{_MORE}(?=\s*】))?"
    r"(?P<rest>[^【】\n]{0,200})?)?】"
    r"|[\[［〔]\s*(?P<other_cursor>\d{1,6})\s*†\s*"
    rf"(?P<other_lines>L{_NUMBERS}{_MORE})\s*[\]］〕]"
)
_ONE = re.compile(r"L?(\d{1,7})(?:\s*[-–—‑~]\s*L?(\d{1,7})?)?")
_LINK = re.compile(r"【(\d{1,6})†([^】†]*)")
_MATCH = re.compile(r"match at L(\d{1,7})")
MAX_QUOTED = 40
"""Lines that are quoted of one citation."""


@dataclass(frozen=True)
class Citation:
    """A part of an answer that names where it has it from.

    Attributes:
        start, end: characters of the answer that are the citation itself.
        first_line, last_line: of the page, counted as it was shown; both None where the answer
            names the page alone.
        lines: the text of those lines.
    """

    start: int
    end: int
    cursor: int
    url: str
    title: str
    first_line: int | None
    last_line: int | None
    lines: tuple[str, ...] = ()


def citations(text: str, pages: Mapping[int, Page]) -> list[Citation]:
    """The citations of an answer, in order; one that names several ranges gives several.

    What names no page that was shown is no citation. Lines beyond a page's end are left out.
    """
    return [each for found in _CITATION.finditer(text) for each in _resolved(found, pages)]


def without_citations(text: str, pages: Mapping[int, Page]) -> str:
    """An answer without its citations, for those who read it elsewhere."""
    return _CITATION.sub(
        lambda found: "" if any(True for _ in _resolved(found, pages)) else found[0], text
    )


def _resolved(found: re.Match[str], pages: Mapping[int, Page]) -> Iterator[Citation]:
    cursor = int(found["cursor"] or found["other_cursor"])
    page = pages.get(cursor)
    if page is None:
        return
    lines = found["lines"] or found["other_lines"]
    if lines is None and (matched := _MATCH.match(found["rest"] or "")):
        lines = matched[1]  # a link of what find showed, copied
    if lines is None:
        if page.url:
            yield Citation(*found.span(), cursor, page.url, page.title, None, None)
        return
    for one in _ONE.finditer(lines):
        first, last = sorted((int(one[1]), int(one[2] or one[1])))
        last = min(last, len(page.lines) - 1)
        if first > last:
            continue
        quoted = page.lines[first : last + 1][:MAX_QUOTED]
        url, title = (page.url, page.title) if page.url else _result_at(page, first, last)
        if url:
            yield Citation(*found.span(), cursor, url, title, first, last, quoted)


def _result_at(page: Page, first: int, last: int) -> tuple[str, str]:
    """The address and the title of the search result in lines of a page of results."""
    # Titles may go on over two lines, where the link began.
    text = " ".join(page.lines[: last + 3])
    start, end = (len(" ".join(page.lines[:line])) for line in (first, last + 1))
    links = [link for link in _LINK.finditer(text) if link.start() < end]
    within = [link for link in links if link.start() >= start]
    before = [link for link in links if link.start() < start]
    for link in (*within[:1], *before[-1:]):
        if int(link[1]) < len(page.links):
            return page.links[int(link[1])], " ".join(link[2].split())
    return "", ""
