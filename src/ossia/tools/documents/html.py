"""HTML to text with its links kept. Knows elements; asks no network.

Lines are much like Markdown: ``#`` before headings, ``*`` before items, ``|`` between cells.
"""

import re
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

from lxml import etree, html

from ossia.tools.documents.document import Document, bounded, one_line, plain
from ossia.tools.documents.encodings import decode

MAX_DEPTH = 200
MAX_LINKS = 5_000

_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{1,40})", re.IGNORECASE)
_SKIPPED = {
    *("script", "style", "noscript", "template", "head", "svg", "math", "iframe", "object"),
    *("canvas", "audio", "video", "select", "button", "input", "textarea"),
}
_BLOCKS = {
    *("p", "div", "section", "article", "main", "header", "footer", "aside", "nav", "address"),
    *("ul", "ol", "dl", "dt", "dd", "table", "thead", "tbody", "tfoot", "caption", "figure"),
    *("figcaption", "blockquote", "form", "fieldset", "details", "summary", "hr", "body"),
}
_HEADING = re.compile(r"h([1-6])")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def read_html(data: bytes | str, url: str = "", charset: str | None = None) -> Document:
    """A page as text.

    Args:
        url: where it is from: relative links are of there.
        charset: as declared outside of it.
    """
    if isinstance(data, bytes):
        declared = _DECLARED.search(data[:4096])
        data = decode(data, charset or (declared[1].decode("ascii") if declared else None))
    # lxml refuses an encoding declared within text, and NUL ends what it reads.
    data = re.sub(r"^\s*<\?xml[^>]*\?>", "", data.replace("\0", ""))
    parser = html.HTMLParser(huge_tree=False, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(data, parser=parser)
    except (etree.ParserError, ValueError, AssertionError):
        return Document(_name(url), "")
    title = one_line("".join(root.xpath("string((//title)[1])")))
    base = root.xpath("string((//base/@href)[1])")
    writer = _Writer((_joined(url, base) if base else None) or url, urlsplit(url).netloc)
    body = root.find("body")
    writer.write(root if body is None else body, 0)
    text = writer.text()
    heading = one_line("".join(root.xpath("string((//h1)[1])")))
    return Document(title or heading or _name(url), bounded(text), tuple(writer.links))


class _Writer:
    """Text while it grows, and the links in it."""

    def __init__(self, url: str, host: str) -> None:
        self.links: dict[str, int] = {}
        self._url, self._host = url, host
        self._parts: list[str] = []
        self._num_images = 0
        self._lists: list[int | None] = []  # of each list around: the next number, None of bullets
        self._is_pre = False

    def text(self) -> str:
        """All of it, without blanks at the ends of lines."""
        joined = "".join(self._parts)
        lines = (line.rstrip() for line in joined.split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")

    def write(self, node: html.HtmlElement, depth: int) -> None:
        """An element and all in it."""
        tag = node.tag
        if not isinstance(tag, str) or tag in _SKIPPED or depth > MAX_DEPTH or _is_hidden(node):
            return
        if tag in ("br", "hr"):
            self._parts.append("\n" if tag == "br" else "\n\n")
        elif tag == "img":
            self._image(node)
        elif tag == "a" and node.get("href"):
            self._link(node, depth)
        elif found := _HEADING.fullmatch(tag):
            self._block(lambda: self._inside(node, depth), "#" * int(found[1]) + " ")
        elif tag in ("ul", "ol"):
            self._list(node, depth)
        elif tag == "li":
            self._item(node, depth)
        elif tag == "tr":
            self._row(node, depth)
        elif tag == "pre":
            self._pre(node, depth)
        elif tag in ("sup", "sub"):
            sign = "^" if tag == "sup" else "_"
            self._wrapped(node, depth, f"{sign}{{", "}")
        elif tag in _BLOCKS:
            self._block(lambda: self._inside(node, depth))
        else:
            self._inside(node, depth)

    def _inside(self, node: html.HtmlElement, depth: int) -> None:
        self._say(node.text)
        for child in node:
            self.write(child, depth + 1)
            self._say(child.tail)

    def _say(self, text: str | None) -> None:
        if not text:
            return
        text = plain(text)
        if not self._is_pre:
            text = re.sub(r"\s+", " ", text)
            if not self._parts or self._parts[-1].endswith((" ", "\n")):
                text = text.lstrip()
        if text:
            self._parts.append(text)

    def _block(self, inside: Callable[[], None], before: str = "") -> None:
        self._parts.append("\n\n")
        start = len(self._parts)
        if before:
            self._parts.append(before)
        inside()
        if before and not "".join(self._parts[start + 1 :]).strip():
            del self._parts[start:]
        self._parts.append("\n\n")

    def _line(self, text: str) -> None:
        if self._parts and not self._parts[-1].endswith("\n"):
            self._parts.append("\n")
        self._parts.append(text)

    def _wrapped(self, node: html.HtmlElement, depth: int, before: str, after: str) -> None:
        start = len(self._parts)
        self._inside(node, depth)
        inside = "".join(self._parts[start:]).strip()
        del self._parts[start:]
        if inside:
            self._parts.append(f"{before}{inside}{after}")

    def _link(self, node: html.HtmlElement, depth: int) -> None:
        start = len(self._parts)
        self._inside(node, depth)
        inside = "".join(self._parts[start:])
        target = _joined(self._url, node.get("href", ""))
        if "【" in inside or "\n" in inside.strip() or target is None:
            return  # a link around blocks or another link: its text stands for itself
        text = " ".join(inside.split()).replace("†", "‡")
        if not text or (target not in self.links and len(self.links) >= MAX_LINKS):
            return
        del self._parts[start:]
        if target.startswith("#"):
            self._parts.append(text)
            return
        number = self.links.setdefault(target, len(self.links))
        host = plain(urlsplit(target).netloc.rpartition("@")[2])
        where = f"†{host}" if host and host != self._host else ""
        lead = " " if inside[:1].isspace() and self._parts else ""
        tail = " " if inside[-1:].isspace() else ""
        self._parts.append(f"{lead}【{number}†{text}{where}】{tail}")

    def _image(self, node: html.HtmlElement) -> None:
        name = one_line(node.get("alt") or node.get("title") or "", 100)
        self._parts.append(f"[Image {self._num_images}{f': {name}' if name else ''}]")
        self._num_images += 1

    def _list(self, node: html.HtmlElement, depth: int) -> None:
        start = node.get("start", "1")
        number = int(start) if start.isascii() and start.isdigit() and len(start) < 7 else 1
        self._parts.append("\n" if self._lists else "\n\n")
        self._lists.append(number if node.tag == "ol" else None)
        self._inside(node, depth)
        self._lists.pop()
        self._parts.append("\n" if self._lists else "\n\n")

    def _item(self, node: html.HtmlElement, depth: int) -> None:
        number = self._lists[-1] if self._lists else None
        sign = "*" if number is None else f"{number}."
        if number is not None:
            self._lists[-1] = number + 1
        outer = len(self._parts)
        self._inside(node, depth)
        inside = "".join(self._parts[outer:])
        del self._parts[outer:]
        if inside.strip():
            indent = "  " * max(1, len(self._lists))
            inside = re.sub(r"\n{2,}", "\n", inside.strip("\n ").rstrip())
            self._line(f"{indent}{sign} {inside}")

    def _row(self, node: html.HtmlElement, depth: int) -> None:
        cells = []
        for cell in node:
            start = len(self._parts)
            self._parts.append("\n")
            self.write(cell, depth + 1)
            cells.append(" ".join("".join(self._parts[start:]).split()))
            del self._parts[start:]
        if any(cells):
            self._line(" | ".join(cells))

    def _pre(self, node: html.HtmlElement, depth: int) -> None:
        was, self._is_pre = self._is_pre, True
        self._block(lambda: self._inside(node, depth))
        self._is_pre = was


def _is_hidden(node: html.HtmlElement) -> bool:
    """Whether a reader would not see it: words for machines alone are no part of a page."""
    return (
        node.get("hidden") is not None
        or node.get("aria-hidden") == "true"
        or _HIDDEN.search(node.get("style") or "") is not None
    )


def _joined(url: str, link: str) -> str | None:
    """Where a link leads; None where it leads to no page."""
    link = re.sub(r"[\t\n\r]", "", plain(link)).strip()
    if link.startswith("#"):
        return link
    try:
        target = urljoin(url, link)
        is_page = urlsplit(target).scheme in ("http", "https", "file", "")
    except ValueError:
        return None
    return target if is_page and len(target) < 4096 else None


def _name(url: str) -> str:
    return one_line(urlsplit(url).netloc or url.rpartition("/")[2])
