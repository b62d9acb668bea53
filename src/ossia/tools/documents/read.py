"""Files and pages to documents: which format it is, and who reads it. Asks no network.

Names and declared types only hint; what the first bytes say counts.
"""

import re
from enum import StrEnum
from pathlib import Path

from ossia.base.errors import InputError
from ossia.tools.documents.document import Document, bounded, one_line, plain
from ossia.tools.documents.encodings import decode, is_binary
from ossia.tools.documents.html import read_html
from ossia.tools.documents.pdf import read_pdf
from ossia.tools.documents.word import read_word

MAX_BYTES = 32 << 20
"""Of a file; larger ones are no documents to read."""

_HTML_NAME = re.compile(r"\.(?:x?html?)$", re.IGNORECASE)
_HTML_START = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b", re.I | re.S)
_MARKDOWN = re.compile(r"\.(?:md|markdown|mdx|rst|adoc|txt)$", re.IGNORECASE)
_MARKDOWN_NAME = re.compile(r"\.(?:md|markdown|mdx)$", re.IGNORECASE)
_FRONT_TITLE = re.compile(r"\A---\n(?:.*\n)*?title:[ \t]*[\"']?(.+?)[\"']?[ \t]*\n(?:.*\n)*?---\n")
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t]*#*$|^(\S.*)\n(?:={3,}|-{3,})$", re.MULTILINE)


class Kind(StrEnum):
    """Formats of documents."""

    PDF = "pdf"
    WORD = "word"
    HTML = "html"
    MARKDOWN = "markdown"
    TEXT = "text"


def read_file(path: Path) -> Document:
    """A file of this machine.

    Raises:
        InputError: it is no document that can be read: binary, damaged, locked, too large.
        OSError: the disk gives it not.
    """
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{path.name} is over {MAX_BYTES >> 20} MB")
    return read_document(data, path.name, url=path.as_uri())


def kind_of(data: bytes, name: str, media_type: str = "") -> Kind:
    """Which format a document has, by its first bytes, and where those say nothing by its name.

    Raises:
        InputError: it is none that can be read.
    """
    if data.startswith(b"%PDF-"):
        return Kind.PDF
    if data.startswith(b"PK\x03\x04"):
        return Kind.WORD
    if is_binary(data):
        raise InputError(f"{one_line(name)} is no text")
    is_html = media_type in ("text/html", "application/xhtml+xml")
    if is_html or _HTML_NAME.search(name) or (not media_type and _HTML_START.match(data)):
        return Kind.HTML
    return Kind.MARKDOWN if _MARKDOWN_NAME.search(name) else Kind.TEXT


def read_document(
    data: bytes, name: str, *, url: str = "", media_type: str = "", charset: str | None = None
) -> Document:
    """A document from its bytes.

    Args:
        name: of the file, for its extension and where nothing else can be the title.
        url: where it is from, for its links.
        media_type, charset: as declared beside it.

    Raises:
        InputError: it is no document that can be read: binary, damaged, locked.
    """
    name = one_line(name)
    match kind_of(data, name, media_type):
        case Kind.PDF:
            return read_pdf(data, name)
        case Kind.WORD:
            return read_word(data, name)
        case Kind.HTML:
            found = read_html(data, url, charset)
            return found if found.title else Document(name, found.text, found.links)
    text = plain(decode(data, charset))
    return Document(_title(text, name), bounded(text.rstrip()))


def _title(text: str, name: str) -> str:
    """What a text calls itself, if its name says that it may be prose."""
    start = text[:20_000]
    if _MARKDOWN.search(name):
        if found := _FRONT_TITLE.match(start):
            return one_line(found[1])
        if not name.lower().endswith(".txt") and (found := _HEADING.search(start)):
            return one_line(found[1] or found[2])
    return name
