"""Word documents (Office Open XML, ECMA-376) to text. Knows their parts; nothing of styles.

A document is a zip of XML. Both can be bombs: each part is read to a limit, and entities stay
unresolved.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from lxml import etree

from ossia.base.errors import InputError
from ossia.tools.documents.document import Document, bounded, one_line, plain

MAX_PART = 64 << 20
"""Bytes of one part, unpacked."""

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_HEADING = re.compile(r"(?:heading|제목)\s*([1-9])", re.IGNORECASE)


def read_word(data: bytes, name: str) -> Document:
    """A document as text: headings after ``#``, items after ``*``, rows with ``|``.

    Raises:
        InputError: it is broken, encrypted or too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            body = _part(parts, "word/document.xml")
            names = parts.namelist()
            core = _part(parts, "docProps/core.xml") if "docProps/core.xml" in names else None
            notes = [
                _part(parts, each)
                for each in ("word/footnotes.xml", "word/endnotes.xml")
                if each in names
            ]
    except KeyError:
        raise InputError(f"{name} is a zip, but no Word document") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
        NotImplementedError,
        etree.XMLSyntaxError,
    ) as error:
        raise InputError(f"{name} is a damaged or locked Word document ({error!s:.80})") from None
    blocks = [*_blocks(body), *(line for note in notes for line in _blocks(note))]
    text = plain("\n\n".join(filter(str.strip, blocks)))
    title = "" if core is None else one_line(core.findtext(f".//{_DC}title") or "")
    first = next((block.lstrip("# ") for block in blocks if block.strip()), "")
    return Document(title or one_line(first, 100) or name, bounded(text))


def _part(parts: zipfile.ZipFile, name: str) -> etree._Element:
    with parts.open(name) as stream:
        data = stream.read(MAX_PART + 1)
    if len(data) > MAX_PART:
        raise InputError(f"a part of the document is over {MAX_PART >> 20} MB: {name}")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    root = etree.fromstring(data, parser)
    if root is None:
        raise ValueError(f"{name} is empty")
    return root


def _blocks(part: etree._Element) -> Iterator[str]:
    """Paragraphs and tables, in order."""
    for node in part.iter(f"{_W}p", f"{_W}tbl"):
        is_inner = any(True for _ in node.iterancestors(f"{_W}tbl"))
        if is_inner:
            continue
        if node.tag == f"{_W}tbl":
            yield "\n".join(filter(None, map(_row, node.iterfind(f"{_W}tr"))))
        else:
            yield _paragraph(node)


def _row(row: etree._Element) -> str:
    cells = (
        " ".join(" ".join(map(_text, cell.iter(f"{_W}p"))).split())
        for cell in row.iterfind(f"{_W}tc")
    )
    return " | ".join(cells).strip(" |")


def _paragraph(node: etree._Element) -> str:
    text = _text(node)
    if not text.strip():
        return ""
    style = node.find(f"{_W}pPr/{_W}pStyle")
    found = _HEADING.match(style.get(f"{_W}val", "") if style is not None else "")
    if found:
        return f"{'#' * min(6, int(found[1]))} {text.strip()}"
    if node.find(f"{_W}pPr/{_W}numPr") is not None:
        return f"  * {text.strip()}"
    return text.rstrip()


def _text(paragraph: etree._Element) -> str:
    parts = []
    for node in paragraph.iter(f"{_W}t", f"{_W}tab", f"{_W}br", f"{_W}cr"):
        if node.tag == f"{_W}t":
            parts.append(node.text or "")
        else:
            parts.append("\t" if node.tag == f"{_W}tab" else "\n")
    return "".join(parts)
