"""Pages from the web: asked for under guard, bounded in size, time and kind, turned into text.

Knows HTTP; not what the pages are for.
"""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import unquote

import httpx

from ossia.base import settings
from ossia.base.errors import InputError, NetworkError
from ossia.base.version import VERSION
from ossia.tools.browser.guard import Guard, GuardedTransport, host_of
from ossia.tools.documents import Document, read_document
from ossia.tools.documents.document import bounded, plain
from ossia.tools.documents.encodings import decode

MAX_BYTES = 16 << 20
MAX_SECONDS = 30.0
MAX_REDIRECTS = 8

_TYPES = re.compile(
    r"text/[\w.+-]+|application/(?:octet-stream|json|xml|pdf|javascript|x-javascript|xhtml\+xml|"
    r"yaml|toml|x-yaml|[\w.-]+\+(?:json|xml)|"
    r"vnd\.openxmlformats-officedocument\.wordprocessingml\.document)"
)
_HEADERS = {
    "User-Agent": f"ossia/{VERSION} (a person's assistant)",
    "Accept": "text/html, application/xhtml+xml, text/*, application/pdf, */*;q=.1",
    "Accept-Encoding": "gzip",
}


@dataclass(frozen=True)
class Moved:
    """A page that is at another host now, which nobody has been asked about yet."""

    url: str


@dataclass(frozen=True)
class Fetched:
    """A page, and where it was in the end."""

    url: str
    document: Document


@dataclass(frozen=True)
class Fetcher:
    """Fetches pages; keeps nothing between two."""

    guard: Guard = field(default_factory=Guard)
    max_bytes: int = MAX_BYTES
    max_seconds: float = MAX_SECONDS

    def host(self, url: str) -> str:
        """The host that would be asked.

        Raises:
            InputError: nothing may be fetched from such an address.
        """
        return host_of(self.guard.checked(url))

    async def fetch(self, url: str, *, is_source: bool = False) -> Fetched | Moved:
        """A page as text, or where it has moved to.

        Args:
            is_source: its markup, as it is.

        Raises:
            InputError: the address may not be fetched, or no text is there.
            NetworkError: it cannot be had.
        """
        if settings.is_offline():
            raise NetworkError("the network is forbidden here; only local documents can be opened")
        try:
            async with asyncio.timeout(self.max_seconds):
                return await self._follow(self.guard.checked(url), is_source)
        except TimeoutError:
            raise NetworkError(f"{url:.200} takes over {self.max_seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            what = str(error) or type(error).__name__
            raise NetworkError(f"{url:.200} cannot be fetched: {what:.200}") from None

    async def _follow(self, url: httpx.URL, is_source: bool) -> Fetched | Moved:
        """Redirects within a host are followed; one to another host is told instead."""
        first = _site(url)
        transport = GuardedTransport(self.guard)
        async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=None) as client:
            for _ in range(MAX_REDIRECTS):
                client.cookies.clear()
                async with client.stream("GET", url, headers=_HEADERS) as response:
                    if not response.has_redirect_location:
                        return await self._read(url, response, is_source)
                    location = response.headers["Location"]
                url = self.guard.checked(str(url.join(location)))
                if _site(url) != first:
                    return Moved(str(url))
        raise NetworkError(f"{host_of(url)} redirects without an end")

    async def _read(self, url: httpx.URL, response: httpx.Response, is_source: bool) -> Fetched:
        host = host_of(url)
        if response.status_code != 200:
            raise NetworkError(f"{host} answers {response.status_code} {response.reason_phrase}")
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type and not _TYPES.fullmatch(media_type):
            raise InputError(f"{url!s:.200} is {media_type:.60}; only text, PDF and Word are read")
        data = b"".join([piece async for piece in self._pieces(response)])
        charset = response.charset_encoding
        if is_source:
            text = bounded(plain(decode(data, charset)))
            return Fetched(str(url), Document(f"Source of {host}", text))
        name = unquote(url.path.rpartition("/")[2]) or host
        media_type = "" if media_type == "application/octet-stream" else media_type
        document = await asyncio.to_thread(
            read_document, data, name, url=str(url), media_type=media_type, charset=charset
        )
        return Fetched(str(url), document)

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The body, unpacked, as long as it stays within the limit."""
        packing = response.headers.get("Content-Encoding", "identity").strip().lower()
        if packing not in ("identity", "", "gzip", "x-gzip", "deflate"):
            raise NetworkError(f"the page is packed as {packing:.40}, which was not asked for")
        unpack = zlib.decompressobj(47) if packing not in ("identity", "") else None
        num_bytes = 0
        async for piece in response.aiter_raw():
            if unpack is not None:
                try:
                    piece = unpack.decompress(piece, self.max_bytes - num_bytes + 1)
                except zlib.error:
                    raise NetworkError("the page is packed wrongly") from None
            num_bytes += len(piece)
            if num_bytes > self.max_bytes:
                raise InputError(f"the page is over {self.max_bytes / 2**20:g} MB")
            yield piece


def _site(url: httpx.URL) -> str:
    return host_of(url).removeprefix("www.")
