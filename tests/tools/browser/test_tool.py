"""The browser as the model calls it, over real documents."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ossia.harmony.built_in import BROWSER
from ossia.tools import Call, Deed, Result
from ossia.tools.browser import BrowserTool, Fetcher, LocalDocuments, citations
from ossia.tools.browser.engines import SearXNG
from ossia.tools.documents import Index, update

ZENVORA = "# Zenvora\n\nThe code word of the Zenvora project is lantern.\nIt was founded in 1987.\n"
LONG = "\n\n".join(f"Paragraph {n} is about nothing in particular." for n in range(400))


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> LocalDocuments:
    home = tmp_path_factory.mktemp("home")
    docs = home / "docs"
    files = {
        "zenvora.md": ZENVORA,
        "notes/harbour.md": "# Harbour\n\nThe code of the harbour is B.",
        "long.md": f"# Long\n\n{LONG}\n\nThe walrus sleeps at last.\n\nThe end.",
        "page.html": "<title>Page</title><p>See <a href='zenvora.md'>the project</a> and "
        "<a href='../secret.md'>another</a>.<p>An 등불 of <a href='https://e.org/'>theirs</a>.",
    }
    for name, text in files.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (home / "secret.md").write_text("hush")
    index = Index(home / "documents.sqlite3")
    update(index, docs)
    return LocalDocuments(index)


class Browsing:
    """A conversation's calls, one after the other."""

    def __init__(self, tool: BrowserTool) -> None:
        self.tool = tool

    def __call__(self, name: str, **arguments: Any) -> Result:
        return asyncio.run(self.tool.call(Call(f"browser.{name}", json.dumps(arguments))))


@pytest.fixture
def browser(documents: LocalDocuments) -> Browsing:
    return Browsing(BrowserTool(documents))


def body(result: Result) -> list[str]:
    assert not result.is_error, result.text
    return result.text.split("\n")


def test_search_open_find_and_cite(browser: Browsing) -> None:
    found = body(browser("search", query="code word of the Zenvora project"))
    assert found[:7] == [
        "[0] code word of the Zenvora project",
        found[1],
        "",
        "L0: ",
        "L1: URL: ",
        "L2: # Search Results",
        "L3: ",
    ]
    assert found[7].startswith("L4:   * 【0†Zenvora†zenvora.md】 The code word of the Zenvora")
    opened = browser("open", id=0)
    [page] = opened.pages
    assert page.url.endswith("/docs/zenvora.md")
    assert opened.text.startswith(f"[1] Zenvora ({page.url})\n**viewing lines [0 - ")
    line = next(n for n, text in enumerate(page.lines) if "lantern" in text)
    assert f"L{line}: The code word of the Zenvora project is lantern." in opened.text
    places = browser("find", pattern="FOUNDED")
    assert body(places)[3:] == [f"L0: # 【0†match at L{line + 1}】", "L1: It was founded in 1987."]
    answer = f"It is lantern.【1†L{line}】"
    [cited] = citations(answer, {1: page})
    assert cited.lines == ("The code word of the Zenvora project is lantern.",)
    assert (cited.url, cited.title, cited.start) == (page.url, "Zenvora", 14)


def test_what_is_meant_is_in_sight(browser: Browsing) -> None:
    browser("search", query="walrus")
    shown = body(browser("open", id=0))
    assert any("The walrus sleeps" in line for line in shown[:9])
    assert "L0: " not in shown
    again = body(browser("open", loc=0, num_lines=3))
    assert again[1].startswith("**viewing lines [0 - 2] of ")
    browser("find", pattern="walrus")
    assert any("The walrus sleeps" in line for line in body(browser("open", id=0))[:9])


def test_windows_scroll(browser: Browsing) -> None:
    browser("search", query="nothing particular")
    first = body(browser("open", id=0, loc=0))
    end = int(first[1].split("- ")[1].split("]")[0])
    assert 20 < end < 200
    assert len("\n".join(first[3:]).encode()) <= 4096
    following = body(browser("open", loc=end + 1))
    assert following[3].startswith(f"L{end + 1}: ")


def test_links_lead_on_and_the_cursor_says_whose(browser: Browsing) -> None:
    browser("search", query="등불")
    page = browser("open", id=0)
    assert "【0†the project】" in page.text
    assert "【2†theirs†e.org】" in page.text
    assert "lantern" in browser("open", id=0).text
    secret = browser("open", id=1, cursor=1)
    assert secret.is_error
    assert "none of the indexed documents" in secret.text
    assert "[3]" in browser("open", cursor=1).text, "errors take no cursor"


def test_markup_is_shown_when_it_is_wanted(browser: Browsing) -> None:
    browser("search", query="등불")
    assert "<title>Page</title>" in browser("open", id=0, view_source=True).text
    browser("open", id=0, cursor=0)
    assert "<title>Page</title>" in browser("open", view_source=True).text


def test_find_looks_at_the_page_and_not_at_what_it_found(browser: Browsing) -> None:
    browser("search", query="zenvora")
    browser("open", id=0)
    assert "No `find` results for pattern: `walrus`" in browser("find", pattern="walrus").text
    assert "match at" in browser("find", pattern="lantern").text


def test_find_looks_through_links_and_over_the_ends_of_lines(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.html").write_text(f"<p>{'word ' * 15}the needle <a href=b>in the</a> haystack")
    index = Index(tmp_path / "x")
    update(index, docs)
    browser = Browsing(BrowserTool(LocalDocuments(index)))
    browser("search", query="needle")
    browser("open", id=0)
    assert "match at" in browser("find", pattern="needle in the haystack", cursor=1).text


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("open", {"id": 0}, "no page was opened yet"),
        ("find", {"pattern": "x"}, "no page was opened yet"),
        ("click", {}, "there are browser.search"),
        ("search", {}, "names no query"),
        ("open", {"id": "https://e.org/"}, "pages of the web are not opened here"),
        ("open", {"id": "file:///etc/passwd"}, "none of the indexed documents"),
        ("open", {"id": "view-source:file:///etc/passwd"}, "none of the indexed documents"),
        ("open", {"id": "file://host/etc/passwd"}, "pages of the web are not opened here"),
    ],
)
def test_senseless_calls_say_what_is_wrong(
    browser: Browsing, name: str, arguments: dict[str, Any], message: str
) -> None:
    result = browser(name, **arguments)
    assert result.is_error
    assert message in result.text
    call = Call(f"browser.{name}", json.dumps(arguments))
    assert browser.tool.action(call).deed is Deed.READ


def test_cursors_links_and_lines_that_are_not_there(browser: Browsing) -> None:
    browser("search", query="zenvora")
    for arguments, message in (
        ({"cursor": 5}, "no page [5]; the last is [0]"),
        ({"id": 50}, "no link 50; it has 0 to"),
        ({"loc": 5000}, "no line 5000; its last is"),
    ):
        result = browser("open", **arguments)
        assert result.is_error
        assert message in result.text


def test_it_says_what_leaves_the_machine(documents: LocalDocuments) -> None:
    tool = BrowserTool(documents, SearXNG("http://Search.example:8888"), Fetcher())

    def action(name: str, **arguments: Any) -> tuple[Deed, str]:
        found = tool.action(Call(f"browser.{name}", json.dumps(arguments)))
        return found.deed, found.target

    assert action("search", query="x") == (Deed.READ, "")
    assert action("search", query="x", source="web") == (Deed.FETCH, "search.example")
    assert action("open", id="https://User.Example.org./a") == (Deed.FETCH, "user.example.org")
    assert action("open", id="example.org/x") == (Deed.FETCH, "example.org")
    assert action("open", id="http://example.org:22/") == (Deed.READ, ""), "it will be refused"
    assert action("open", id="file:///a/b") == (Deed.READ, "/a/b")
    assert action("find", pattern="x") == (Deed.READ, "")


def test_the_model_is_told_of_sources_where_there_are_two(documents: LocalDocuments) -> None:
    engine = SearXNG("http://127.0.0.1:1")
    assert BrowserTool(documents).namespaces == (BROWSER,)
    assert BrowserTool(web=engine).namespaces == (BROWSER,)
    [both] = BrowserTool(documents, engine).namespaces
    assert both.description.endswith("output.\nsources=local, web (default: local)")
    assert both.tools == BROWSER.tools


def test_nothing_is_kept_after_its_end(browser: Browsing) -> None:
    browser("search", query="zenvora")
    asyncio.run(browser.tool.close())
    asyncio.run(browser.tool.close())
    assert browser("open", id=0).is_error
