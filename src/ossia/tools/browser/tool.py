"""The tool ``browser``: search, open and find, as gpt-oss was trained to call them.

Knows the pages of its conversation and who to ask for others; whether it may ask, others decide.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ossia.base.errors import InputError, OssiaError
from ossia.harmony import Namespace
from ossia.harmony import Tool as Function
from ossia.harmony.built_in import BROWSER
from ossia.tools.browser.arguments import Find, Open, Search, read_call
from ossia.tools.browser.display import VIEW_BYTES, line_at, shown, window_end, with_address
from ossia.tools.browser.fetch import Fetcher, Moved
from ossia.tools.browser.local import LocalDocuments
from ossia.tools.browser.pages import (
    Pages,
    View,
    document_view,
    matches_view,
    moved_view,
    results_view,
)
from ossia.tools.browser.search import SearchBackend
from ossia.tools.tool import Action, Call, Deed, Page, Result

MAX_RESULTS = 20
LINES_BEFORE = 4
"""Lines that are shown before the one that is meant."""

_SOURCE = "view-source:"
_BARE = re.compile(r"(?![a-z][a-z0-9+-]*:)(?:[\w-]+\.)+\w{2,}(?:[:/?#].*)?", re.IGNORECASE)


@dataclass(frozen=True)
class _Address:
    """A page that is wanted.

    Attributes:
        url: None if ``view`` is it, which is here already.
        place: what of it is meant, in characters of its document; line: the same in lines.
    """

    url: str | None = None
    view: View | None = None
    is_source: bool = False
    place: int | None = None
    line: int | None = None


class BrowserTool:
    """The browser of one conversation.

    Args:
        local: documents of this machine; they are searched unless the model says ``web``.
        web: a search engine.
        fetcher: opens addresses of the web; None opens none.
        view_bytes: of a window, unless the model says how many lines.
    """

    name = "browser"
    functions: Sequence[Function] = ()

    def __init__(
        self,
        local: LocalDocuments | None = None,
        web: SearchBackend | None = None,
        fetcher: Fetcher | None = None,
        view_bytes: int = VIEW_BYTES,
    ) -> None:
        self._local, self._fetcher, self._view_bytes = local, fetcher, view_bytes
        backends: dict[str, SearchBackend | None] = {"local": local, "web": web}
        self._backends = {name: backend for name, backend in backends.items() if backend}
        self._pages = Pages()
        self._kept: dict[tuple[str, bool], View] = {}

    @property
    def namespaces(self) -> Sequence[Namespace]:
        """What the model was trained with; only where there are two sources, both are named."""
        if len(self._backends) < 2:
            return (BROWSER,)
        head, _, _ = BROWSER.description.rpartition("\n")
        names = ", ".join(self._backends)
        return (replace(BROWSER, description=f"{head}\nsources={names} (default: local)"),)

    def action(self, call: Call) -> Action:
        """What a call would do: whether it leaves this machine, and to which host."""
        try:
            match read_call(call.recipient, call.text):
                case Search(query, _, source):
                    host = self._backend(source).host
                    deed = Deed.FETCH if host else Deed.READ
                    where = host or "local documents"
                    return Action(self.name, deed, host, f"search {where} for {query!r:.200}")
                case Open() as asked:
                    return self._opening(self._address(asked))
                case Find(pattern):
                    return Action(self.name, Deed.READ, "", f"find {pattern!r:.200} in the page")
        except OssiaError as error:
            return Action(self.name, Deed.READ, "", f"nothing: {error!s:.200}")

    async def call(self, call: Call) -> Result:
        """Does it; what cannot be done is said to the model."""
        try:
            match read_call(call.recipient, call.text):
                case Search() as asked:
                    return await self._search(asked)
                case Open() as asked:
                    return await self._open(asked)
                case Find() as asked:
                    return await self._find(asked)
        except OssiaError as error:
            return Result(f"error: {error}", is_error=True)

    async def close(self) -> None:
        """Forgets the pages."""
        self._pages.clear()
        self._kept.clear()

    async def _search(self, asked: Search) -> Result:
        topn = min(max(asked.topn, 1), MAX_RESULTS)
        hits = (await self._backend(asked.source).search(asked.query, topn))[:topn]
        details = {
            "kind": "search",
            "query": asked.query,
            "results": [{"url": hit.url, "title": hit.title} for hit in hits],
        }
        return await self._show(results_view(asked.query, hits), 0, 0, details)

    async def _open(self, asked: Open) -> Result:
        address = self._address(asked)
        view = address.view or await self._view(address.url or "", address.is_source)
        first = asked.first
        if first is None:
            first = await asyncio.to_thread(self._first_line, view, address)
        details = {"kind": "open", "url": view.source, "title": view.title}
        return await self._show(view, first, asked.num_lines, details)

    async def _find(self, asked: Find) -> Result:
        view = self._pages.at(asked.cursor)
        view = view.searched or view
        found = await asyncio.to_thread(matches_view, view, asked.pattern)
        details = {
            "kind": "find",
            "url": view.source,
            "pattern": asked.pattern,
            "num_matches": len(found.links),
        }
        return await self._show(found, 0, 0, details)

    async def _show(
        self, view: View, first: int, num_lines: int, details: Mapping[str, Any]
    ) -> Result:
        """Puts a page under a new cursor and shows a window of it."""
        lines = await asyncio.to_thread(lambda: view.lines)
        if first >= len(lines):
            raise InputError(f"the page has no line {first}; its last is {len(lines) - 1}")
        end = window_end(lines, first, num_lines, self._view_bytes)
        cursor = self._pages.add(view)
        text = shown(cursor, view.title, view.url, lines, first, end)
        links = tuple(link.url for link in view.links)
        page = Page(cursor, view.source, view.title, lines, links)
        return Result(text, pages=(page,), details={**details, "cursor": cursor})

    def _backend(self, source: str | None) -> SearchBackend:
        """Who is asked for a source; of one that is not known, who is asked usually."""
        usual = next(iter(self._backends.values()), None)
        backend = self._backends.get((source or "").lower(), usual)
        if backend is None:
            raise InputError("nothing can be searched here; open an address instead")
        return backend

    def _address(self, asked: Open) -> _Address:
        """Which page a call means."""
        match asked.target:
            case None:
                view = self._pages.at(asked.cursor)
                if asked.is_source and view.source:
                    return _Address(view.source, is_source=True)
                return _Address(view=view)
            case int(number):
                link = self._pages.link(asked.cursor, number)
                within = self._pages.at(asked.cursor).searched
                if within is not None and not asked.is_source:
                    return _Address(view=within, line=link.line)
                return _Address(link.url, is_source=asked.is_source, place=link.place)
            case str(url):
                is_source = asked.is_source or url.startswith(_SOURCE)
                url = url.removeprefix(_SOURCE)
                return _Address(f"https://{url}" if _BARE.fullmatch(url) else url, None, is_source)

    def _opening(self, address: _Address) -> Action:
        url = address.url
        if url is None:
            return Action(self.name, Deed.READ, "", "show more of a page")
        if self._local is not None and (path := self._local.path(url)) is not None:
            return Action(self.name, Deed.READ, str(path), f"open {path}")
        if (url, address.is_source) in self._kept:
            return Action(self.name, Deed.READ, "", f"show {url:.300} again")
        return Action(self.name, Deed.FETCH, self._web().host(url), f"open {url:.300}")

    async def _view(self, url: str, is_source: bool) -> View:
        """A page: kept, of this machine, or of the web."""
        if kept := self._kept.get((url, is_source)):
            return kept
        if self._local is not None and self._local.path(url) is not None:
            view = document_view(url, await self._local.read(url, is_source=is_source))
        else:
            found = await self._web().fetch(url, is_source=is_source)
            if isinstance(found, Moved):
                return moved_view(url, found.url)
            view = document_view(found.url, found.document)
        self._kept[url, is_source] = view
        return view

    def _web(self) -> Fetcher:
        if self._fetcher is None:
            raise InputError("pages of the web are not opened here, only indexed documents")
        return self._fetcher

    def _first_line(self, view: View, address: _Address) -> int:
        """Where to begin so that what is meant is seen; at the start if all of it is."""
        line = address.line
        if line is None and address.place is not None:
            if window_end(view.lines, 0, 0, self._view_bytes) == len(view.lines):
                return 0
            line = line_at(view.text, address.place + len(with_address(view.url, "")))
        return 0 if line is None or line <= LINES_BEFORE else line - LINES_BEFORE
