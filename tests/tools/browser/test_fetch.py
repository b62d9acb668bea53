"""Pages from a real server: read, bounded, and refused."""

import asyncio
import gzip
import http.server
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.tools.browser.internet import PUBLIC, Internet, running
from tests.tools.documents.made import paragraph, pdf, word

from ossia.base.errors import InputError, NetworkError, OssiaError
from ossia.tools import Call, Deed
from ossia.tools.browser import BrowserTool, Fetcher
from ossia.tools.browser.fetch import Fetched


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with running(monkeypatch) as net:
        yield net


def fetch(net: Internet, path: str = "/", **options: Any) -> Fetched:
    fetcher = Fetcher(**{"max_seconds": 20.0, "max_bytes": 1 << 20} | options)
    found = asyncio.run(fetcher.fetch(f"http://public.test:{net.port}{path}"))
    assert isinstance(found, Fetched)
    return found


@pytest.mark.parametrize(
    ("body", "headers", "title", "text"),
    [
        ("<title>T</title><a href=x>y</a>", {}, "T", "【0†y】"),
        ("한글".encode("cp949"), {"Content_Type": "text/plain; charset=euc-kr"}, "a", "한글"),
        ("# Head", {"Content_Type": "text/markdown"}, "a", "# Head"),
        ('{"a": 1}', {"Content_Type": "application/json"}, "a", '{"a": 1}'),
        ("<r>x</r>", {"Content_Type": "application/rss+xml"}, "a", "<r>x</r>"),
        ("<title>T</title>x", {"Content_Type": "application/xhtml+xml"}, "T", "x"),
        ("<html><title>T</title>x", {"Content_Type": ""}, "T", "x"),
        (pdf("A page", title="P"), {"Content_Type": "application/pdf"}, "P", "[page 1]\nA page"),
        (pdf("A page", title="P"), {"Content_Type": "application/octet-stream"}, "P",
         "[page 1]\nA page"),
        (word(paragraph("A word")), {"Content_Type": "application/vnd.openxmlformats-"
         "officedocument.wordprocessingml.document"}, "A word", "A word"),
        (gzip.compress(b"<title>T</title>x"), {"Content_Encoding": "gzip"}, "T", "x"),
        (zlib.compress(b"<title>T</title>x"), {"Content_Encoding": "deflate"}, "T", "x"),
    ],
)  # fmt: skip
def test_text_of_all_kinds_is_read(
    net: Internet, body: bytes, headers: dict[str, str], title: str, text: str
) -> None:
    net.page("/a", body, **headers)
    found = fetch(net, "/a").document
    assert (found.title, found.text) == (title, text)


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (b"\x89PNG", {"Content_Type": "image/png"}, "is image/png; only text"),
        (b"x", {"Content_Type": "video/mp4"}, "is video/mp4"),
        (b"x", {"Content_Type": "application/zip"}, "is application/zip"),
        (b"x", {"Content_Type": "text/html\x01x"}, "only text"),
        (b"\0\1\2" * 99, {"Content_Type": "text/plain"}, "is no text"),
        (b"x" * (1 << 20) + b"x", {}, "over 1 MB"),
        (gzip.compress(b"\0" * (1 << 30)), {"Content_Encoding": "gzip"}, "over 1 MB"),
        (gzip.compress(gzip.compress(b" " * (1 << 26))), {"Content_Encoding": "gzip, gzip"},
         "packed as gzip, gzip"),
        (b"x", {"Content_Encoding": "br"}, "packed as br"),
        (b"rubbish", {"Content_Encoding": "gzip"}, "packed wrongly"),
        (b"x", {"status": "500"}, "answers 500"),
        (b"x", {"status": "404"}, "answers 404 Not Found"),
        (b"x", {"status": "204"}, "answers 204"),
        (b"x", {"Content_Length": "9"}, "cannot be fetched"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_too_much_or_no_text_is_refused(
    net: Internet, body: bytes, headers: dict[str, str], message: str
) -> None:
    net.page("/", body, **headers)
    with pytest.raises((InputError, NetworkError), match=message):
        fetch(net)


def trickle(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Sends a byte now and then, for as long as anybody listens."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.01)
    except OSError:
        pass


def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Sends without an end."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" " * 65_536)
    except OSError:
        pass


def headers_without_end(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Never comes to the page."""
    handler.send_response(200)
    handler.flush_headers()
    try:
        while True:
            handler.wfile.write(b"X-More: " + b"x" * 60_000 + b"\r\n")
    except OSError:
        pass


def test_pages_without_an_end_are_left(net: Internet) -> None:
    net.pages |= {"/slow": trickle, "/endless": endless, "/headers": headers_without_end}
    with pytest.raises(NetworkError, match=r"takes over 0\.5 s"):
        fetch(net, "/slow", max_seconds=0.5)
    with pytest.raises(InputError, match="over 1 MB"):
        fetch(net, "/endless")
    with pytest.raises(NetworkError, match="cannot be fetched"):
        fetch(net, "/headers")


def test_cancelling_leaves_at_once(net: Internet) -> None:
    begun = threading.Event()

    def slow(handler: http.server.BaseHTTPRequestHandler) -> None:
        begun.set()
        trickle(handler)

    net.pages["/"] = slow

    async def cancelled() -> None:
        task = asyncio.ensure_future(
            Fetcher(max_seconds=60).fetch(f"http://public.test:{net.port}/")
        )
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())


def test_a_server_is_told_nothing_of_the_user(net: Internet) -> None:
    net.page("/", "x", Set_Cookie="id=1")
    net.redirect("/in", "/")
    net.page("/in", "", Location="/", Set_Cookie="id=2", status="302")
    fetch(net, "/in")
    fetch(net)
    for headers in net.headers:
        assert set(headers) <= {"Host", "Accept", "Accept-Encoding", "Connection", "User-Agent"}
        assert headers["Accept-Encoding"] == "gzip"


def test_the_network_may_be_forbidden(net: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_OFFLINE", "1")
    with pytest.raises(NetworkError, match="forbidden"):
        fetch(net)
    assert net.connected == []


def test_markup_is_shown_as_it_is(net: Internet) -> None:
    net.page("/", "<title>T</title>\r\n<p>【x】")
    url = f"http://public.test:{net.port}/"
    found = asyncio.run(Fetcher().fetch(url, is_source=True))
    assert isinstance(found, Fetched)
    assert found.document.text == "<title>T</title>\n<p>〖x〗"


def test_pages_are_kept_for_a_conversation(net: Internet) -> None:
    net.page("/", "<title>T</title><a href=/two>two</a>")
    net.page("/two", "<title>Two</title><a href=/>back</a>")
    tool = BrowserTool(fetcher=Fetcher(max_seconds=20))
    url = f"http://public.test:{net.port}/"

    async def browse() -> None:
        first = Call("browser.open", f'{{"id": "{url}"}}')
        link = Call("browser.open", '{"id": 0}')
        assert tool.action(first).deed is Deed.FETCH
        assert tool.action(first).target == "public.test"
        assert "【0†two】" in (await tool.call(first)).text
        assert tool.action(link).target == "public.test"
        assert "[1] Two" in (await tool.call(link)).text
        assert tool.action(link).deed is Deed.READ
        assert "[2] T" in (await tool.call(link)).text
        assert "[3] T" in (await tool.call(first)).text

    asyncio.run(browse())
    assert [path for path, _ in net.asked] == ["/", "/two"]
    assert net.connected == [PUBLIC, PUBLIC]


def test_a_page_that_moved_is_one_more_decision(net: Internet) -> None:
    net.redirect("/", f"http://other.test:{net.port}/new")
    net.page("/new", "<title>New</title>")
    tool = BrowserTool(fetcher=Fetcher(max_seconds=20))

    async def browse() -> None:
        moved = await tool.call(Call("browser.open", f'{{"id": "public.test:{net.port}"}}'))
        assert moved.is_error, "https is asked, which nobody speaks there"
        url = f"http://public.test:{net.port}/"
        moved = await tool.call(Call("browser.open", f'{{"id": "{url}"}}'))
        assert (
            f"This page has moved to 【0†http://other.test:{net.port}/new】"
            in moved.text.replace("\n", "")
        )
        link = Call("browser.open", '{"id": 0}')
        assert tool.action(link).target == "other.test"
        assert "New" in (await tool.call(link)).text

    asyncio.run(browse())


def test_errors_are_one_line_for_the_model(net: Internet) -> None:
    tool = BrowserTool(fetcher=Fetcher(max_seconds=20))
    call = Call("browser.open", f'{{"id": "http://public.test:{net.port}/nothing"}}')
    result = asyncio.run(tool.call(call))
    assert result.is_error
    assert result.text == "error: public.test answers 404 Not Found"
    assert issubclass(NetworkError, OssiaError)
