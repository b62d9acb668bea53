"""What is left of a file or a page once it is text. Knows no file format and no network.

Links stand in the text as gpt-oss was trained to read them: ``【id†text†domain】``, where the
domain is left out when it is the page's own. No other text has those brackets, so none can pass
for a link or a citation.
"""

import re
from dataclasses import dataclass

MAX_CHARACTERS = 2_000_000
"""Of a document; what comes after is left out, and the last line says so."""

_ALIKE = str.maketrans({"【": "〖", "】": "〗"})
_UNSEEN = re.compile(
    # Control characters; zero-width and direction marks, which show one thing and say another;
    # halves of surrogate pairs, which are no text.
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_BLANKS = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")


@dataclass(frozen=True)
class Document:
    """Text, and where its links lead.

    Attributes:
        links: addresses; the link ``【3†...】`` leads to ``links[3]``.
    """

    title: str
    text: str
    links: tuple[str, ...] = ()


def plain(text: str) -> str:
    """Text as a model may be shown it: what cannot be seen is gone, brackets of links are others.

    Line endings become line feeds; several empty lines become one.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    text = _UNSEEN.sub("", text.replace("\u2029", "\n\n")).translate(_ALIKE)
    return _BLANKS.sub("\n\n", text)


def one_line(text: str, length: int = 300) -> str:
    """A title: one line of bounded length."""
    line = " ".join(plain(text[: 4 * length]).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def bounded(text: str) -> str:
    """The start of a text that is too long."""
    if len(text) <= MAX_CHARACTERS:
        return text
    cut = text.rfind("\n", 0, MAX_CHARACTERS)
    kept = text[: cut if cut > 0 else MAX_CHARACTERS]
    return f"{kept}\n[the rest is left out: {len(text) - len(kept):,} characters]"
