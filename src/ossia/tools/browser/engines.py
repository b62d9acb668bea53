"""Search engines of the web, each asked as it documents. Knows their wire formats; no pages.

A key goes to the engine's own address and nowhere else: redirects are not followed.
"""

import asyncio
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from ossia.base import settings
from ossia.base.errors import InputError, NetworkError
from ossia.base.version import VERSION
from ossia.tools.browser.search import Hit, SearchBackend

MAX_BYTES = 8 << 20
MAX_SECONDS = 20.0

_NEEDED = {
    "searxng": "OSSIA_SEARXNG",
    "brave": "BRAVE_API_KEY",
    "exa": "EXA_API_KEY",
    "tavily": "TAVILY_API_KEY",
    "you": "YDC_API_KEY",
}
_TAG = re.compile(r"</?\w[^>]{0,200}>")

Json = Mapping[str, Any]


@dataclass(frozen=True)
class _Engine:
    """What all engines have in common.

    Attributes:
        address: where it is, without a path.
        key: who the user is to it.
    """

    address: str
    key: str = field(default="", repr=False)
    name = "the search engine"

    @property
    def host(self) -> str:
        """The host that is asked."""
        return (urlsplit(self.address).hostname or "").lower()

    async def _ask(self, method: str, path: str, **request: Any) -> Json:
        """The JSON object that it answers with.

        Raises:
            NetworkError: there is none.
        """
        if settings.is_offline():
            raise NetworkError("the network is forbidden here; only local documents are searched")
        headers = {"User-Agent": f"ossia/{VERSION}", "Accept": "application/json"}
        headers |= request.pop("headers", {})
        url = f"{self.address.rstrip('/')}{path}"
        try:
            async with (
                asyncio.timeout(MAX_SECONDS),
                httpx.AsyncClient(timeout=None) as client,
                client.stream(method, url, headers=headers, **request) as response,
            ):
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise NetworkError(f"{self.name} answers too much")
        except TimeoutError:
            raise NetworkError(f"{self.name} does not answer within {MAX_SECONDS:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = str(error) or type(error).__name__
            raise NetworkError(f"{self.name} cannot be asked: {what:.200}") from None
        return self._answer(response.status_code, bytes(body))

    def _answer(self, status: int, body: bytes) -> Json:
        if status in (401, 403):
            raise NetworkError(f"{self.name} refuses ({status}): its key is wrong, or {self.hint}")
        if status == 429:
            raise NetworkError(f"{self.name} is asked too often (429); try again later")
        if status != 200:
            raise NetworkError(
                f"{self.name} answers {status}: {body[:200].decode(errors='replace')}"
            )
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise NetworkError(f"{self.name} answers with no JSON object")
        return found

    @property
    def hint(self) -> str:
        """What else a refusal can mean."""
        return "it is not for this kind of search"


@dataclass(frozen=True)
class SearXNG(_Engine):
    """SearXNG, a metasearch engine to run oneself (https://docs.searxng.org/dev/search_api.html).

    Its ``settings.yml`` has to list ``json`` among ``search.formats``.
    """

    name = "SearXNG"

    @property
    def hint(self) -> str:
        """What else a refusal can mean."""
        return "json is not among search.formats in its settings.yml"

    async def search(self, query: str, topn: int) -> Sequence[Hit]:
        """Pages for a query."""
        found = await self._ask("GET", "/search", params={"q": query, "format": "json"})
        return _hits(found.get("results"), topn, "content")


@dataclass(frozen=True)
class Brave(_Engine):
    """Brave Search (https://api-dashboard.search.brave.com/documentation)."""

    address: str = "https://api.search.brave.com"
    name = "Brave"

    async def search(self, query: str, topn: int) -> Sequence[Hit]:
        """Pages for a query."""
        found = await self._ask(
            "GET",
            "/res/v1/web/search",
            params={"q": query[:400], "count": min(topn, 20), "text_decorations": "false"},
            headers={"X-Subscription-Token": self.key},
        )
        return _hits(_within(found, "web", "results"), topn, "description", "extra_snippets")


@dataclass(frozen=True)
class Exa(_Engine):
    """Exa (https://docs.exa.ai/reference/search)."""

    address: str = "https://api.exa.ai"
    name = "Exa"

    async def search(self, query: str, topn: int) -> Sequence[Hit]:
        """Pages for a query."""
        found = await self._ask(
            "POST",
            "/search",
            json={"query": query, "numResults": topn, "contents": {"highlights": True}},
            headers={"x-api-key": self.key},
        )
        return _hits(found.get("results"), topn, "highlights", "summary", "text")


@dataclass(frozen=True)
class Tavily(_Engine):
    """Tavily (https://docs.tavily.com/documentation/api-reference/endpoint/search)."""

    address: str = "https://api.tavily.com"
    name = "Tavily"

    async def search(self, query: str, topn: int) -> Sequence[Hit]:
        """Pages for a query."""
        found = await self._ask(
            "POST",
            "/search",
            json={"query": query[:400], "max_results": min(topn, 20)},
            headers={"Authorization": f"Bearer {self.key}"},
        )
        return _hits(found.get("results"), topn, "content")


@dataclass(frozen=True)
class You(_Engine):
    """You.com (https://you.com/docs/api-reference/search/v1-search)."""

    address: str = "https://ydc-index.io"
    name = "You.com"

    async def search(self, query: str, topn: int) -> Sequence[Hit]:
        """Pages for a query."""
        found = await self._ask(
            "GET",
            "/v1/search",
            params={"query": query, "count": topn},
            headers={"X-API-Key": self.key},
        )
        return _hits(_within(found, "results", "web"), topn, "snippets", "description")


def configured_engine() -> SearchBackend | None:
    """The engine that the environment names: OSSIA_SEARCH, or the first that there is a key for.

    Raises:
        InputError: OSSIA_SEARCH names none, or one without a key.
    """
    engines: dict[str, SearchBackend] = {}
    if address := settings.searxng():
        engines["searxng"] = SearXNG(address)
    if key := settings.brave_key():
        engines["brave"] = Brave(key=key)
    if key := settings.exa_key():
        engines["exa"] = Exa(key=key)
    if key := settings.tavily_key():
        engines["tavily"] = Tavily(key=key)
    if key := settings.you_key():
        engines["you"] = You(key=key)
    wanted = settings.search_engine()
    if wanted is None:
        return next(iter(engines.values()), None)
    if wanted not in engines:
        raise InputError(
            f"OSSIA_SEARCH is {wanted}, but there is no {_NEEDED[wanted]} in the environment"
        )
    return engines[wanted]


def _hits(results: Any, topn: int, *summaries: str) -> list[Hit]:
    """What of an engine's results is a page; the first summary that is there is taken."""
    found: dict[str, Hit] = {}
    for result in results if isinstance(results, list) else ():
        if not isinstance(result, dict) or not isinstance(url := result.get("url"), str):
            continue
        parts = _parts(url)
        if parts is None or len(found) == topn:
            continue
        title = _plain(result.get("title")) or parts
        summary = next(filter(None, (_plain(result.get(name)) for name in summaries)), "")
        found.setdefault(url, Hit(url, title, summary, parts))
    return list(found.values())


def _parts(url: str) -> str | None:
    """The host of a page's address; None if it is no address of the web."""
    try:
        parts = urlsplit(url)
        return parts.hostname if parts.scheme in ("http", "https") else None
    except ValueError:
        return None


def _plain(value: Any) -> str:
    """Text out of what engines send: with tags around what was found, in pieces, or none."""
    if isinstance(value, list):
        value = " … ".join(filter(None, _texts(value)))
    return html.unescape(_TAG.sub("", value)).strip() if isinstance(value, str) else ""


def _texts(values: list[Any]) -> Iterator[str]:
    return (value for value in values if isinstance(value, str))


def _within(found: Json, *names: str) -> Any:
    value: Any = found
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
