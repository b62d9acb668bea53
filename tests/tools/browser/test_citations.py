"""Citations in answers: as trained, as models write them, and what is none."""

import pytest

from ossia.tools.browser import citations, without_citations
from ossia.tools.tool import Page

LINES = tuple(f"line {number}" for number in range(20))
RESULTS = (
    "", "URL: ", "# Search Results", "",
    "  * 【0†First†one.md】 A summary that goes on over ", "two lines.",
    "  * 【1†Second", "half†two.md】 Another.",
)  # fmt: skip
PAGES = {
    0: Page(0, "", "query", RESULTS, ("file:///one.md", "file:///two.md")),
    3: Page(3, "https://e.org/", "Three", LINES),
    12: Page(12, "https://o.org/", "Twelve", LINES),
}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("【3†L4】", [(4, 4)]),
        ("【3†L4-L6】", [(4, 6)]),
        ("【3†L4-6】", [(4, 6)]),
        ("【3†4-6】", [(4, 6)]),
        ("【3†L4–L6】", [(4, 6)]),
        ("【3†L4—6】", [(4, 6)]),
        ("【3†L4‑L6】", [(4, 6)]),
        ("【3†L4~L6】", [(4, 6)]),
        ("【3†L4 - L6】", [(4, 6)]),
        ("【 3 † L4-L6 】", [(4, 6)]),
        ("【3†L6-L4】", [(4, 6)]),
        ("【3†L4-】", [(4, 4)]),
        ("【3†L4, L8-L9】", [(4, 4), (8, 9)]),
        ("【3†L4;L8】", [(4, 4), (8, 8)]),
        ("【3†L4-L6†e.org】", [(4, 6)]),
        ("【3†L18-L99】", [(18, 19)]),
        ("[3†L4-L6]", [(4, 6)]),
        ("［3†L4］", [(4, 4)]),
        ("【3】", [(None, None)]),
        ("【3†source】", [(None, None)]),
        ("【3†Three†e.org】", [(None, None)]),
        ("【3†match at L7】", [(7, 7)]),
        ("【3†L99】", []),
        ("【4†L1】", []),
        ("【x†L1】", []),
        ("【3†L4", []),
        ("[3]", []),
        ("[3](https://e.org)", []),
        ("L4-L6", []),
        ("【3†L99999999999】", []),
    ],
)
def test_what_models_write_is_read(text: str, lines: list[tuple[int | None, int | None]]) -> None:
    found = citations(f"So it is{text}.", PAGES)
    assert [(each.first_line, each.last_line) for each in found] == lines
    for each in found:
        assert (each.start, each.end) == (8, 8 + len(text))
        assert (each.url, each.title, each.cursor) == ("https://e.org/", "Three", 3)
        if each.first_line is not None:
            assert each.lines == LINES[each.first_line : (each.last_line or 0) + 1]


def test_several_stand_side_by_side() -> None:
    text = "한글 답.【3†L1】【12†L2-L3】 And more 【3†L5】."
    found = citations(text, PAGES)
    assert [(text[each.start : each.end], each.url) for each in found] == [
        ("【3†L1】", "https://e.org/"),
        ("【12†L2-L3】", "https://o.org/"),
        ("【3†L5】", "https://e.org/"),
    ]
    assert without_citations(text, PAGES) == "한글 답. And more ."


def test_what_is_no_citation_stays() -> None:
    text = "【4†L1】 and 【note】 and 【3†L1】"
    assert without_citations(text, PAGES) == "【4†L1】 and 【note】 and "


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        ("L4", "file:///one.md"),
        ("L4-L5", "file:///one.md"),
        ("L5", "file:///one.md"),
        ("L6", "file:///two.md"),
        ("L7", "file:///two.md"),
        ("L1", None),
    ],
)
def test_search_results_that_are_cited_stand_for_what_they_lead_to(
    lines: str, url: str | None
) -> None:
    found = citations(f"x【0†{lines}】", PAGES)
    assert [each.url for each in found] == ([url] if url else [])
    titles = {"file:///one.md": "First", "file:///two.md": "Second half"}
    assert [each.title for each in found] == [titles[each.url] for each in found]
    assert citations("x【0】", PAGES) == []


def test_hostile_text_takes_no_endless_time() -> None:
    for text in ("【3†" + "L1," * 50_000, "【3†" * 50_000, "[3†L1" * 50_000, "【3" + " " * 100_000):
        assert citations(text, PAGES) is not None
