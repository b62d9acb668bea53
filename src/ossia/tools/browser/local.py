"""Search in the documents of this machine, and reading them. Asks nobody; leaves nothing."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ossia.base.errors import InputError
from ossia.tools.browser.search import Hit
from ossia.tools.documents import Document, Index, Passage
from ossia.tools.documents.document import bounded, plain
from ossia.tools.documents.encodings import decode, is_binary
from ossia.tools.documents.terms import num_shared

SUMMARY = 200
"""Characters of a summary."""

_SENTENCE = re.compile(r"[^\n]+?(?:[.!?。！？](?=\s)|(?=\n)|$)")
_LINK = re.compile(r"【\d+†([^】†]*)(?:†[^】]*)?】")


class LocalDocuments:
    """The indexed documents, as something to search and to open.

    A file can be opened if it is indexed, and no other.
    """

    host = ""

    def __init__(self, index: Index) -> None:
        self._index = index

    async def search(self, query: str, topn: int) -> Sequence[Hit]:
        """The best passages of different documents."""
        found = await asyncio.to_thread(self._index.search, query, topn)
        return [_hit(passage, query) for passage in found]

    def path(self, url: str) -> Path | None:
        """The file that an address of this machine means, if it is one."""
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            return None
        return Path(unquote(parts.path))

    async def read(self, url: str, *, is_source: bool = False) -> Document:
        """A document as it was when it was indexed; its markup as it is now.

        Raises:
            InputError: it is none of the index.
        """
        path = self.path(url)
        document = None if path is None else await asyncio.to_thread(self._index.document, path)
        if path is None or document is None:
            raise InputError(
                f"{url:.200} is none of the indexed documents; search finds those that are"
            )
        if not is_source:
            return document
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise InputError(f"{path.name} cannot be read: {error.strerror or error}") from None
        if is_binary(data):
            raise InputError(f"{path.name} is no text; open it without view_source")
        return Document(f"Source of {document.title}", bounded(plain(decode(data))))


def _hit(passage: Passage, query: str) -> Hit:
    """What is shown of a passage: from the sentence on that has most of the query."""
    sentences = list(_SENTENCE.finditer(passage.text))
    best = max(sentences, key=lambda each: num_shared(each[0], query), default=None)
    start = best.start() if best else 0
    summary = " ".join(_LINK.sub(r"\1", passage.text[start:]).split())
    if len(summary) > SUMMARY:
        cut = summary.rfind(" ", SUMMARY // 2, SUMMARY)
        summary = f"{summary[: cut if cut > 0 else SUMMARY]}…"
    return Hit(
        passage.path.as_uri(),
        passage.title,
        summary,
        str(passage.path.relative_to(passage.folder)),
        passage.place + start,
    )
