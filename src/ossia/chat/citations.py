"""Citations in what a model says: ``【3†L12-L15】`` names lines of a page that it was shown.

It knows text only. The format is that of gpt-oss's browser tool.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_OPENING = "【"
_WHOLE = re.compile(r"【(\d{1,6})†L(\d{1,7})(?:-L(\d{1,7}))?】")
_PART = re.compile(r"【(?:\d{1,6}(?:†(?:L(?:\d{1,7}(?:-(?:L(?:\d{1,7})?)?)?)?)?)?)?")


@dataclass(frozen=True)
class Mark:
    """A citation.

    Attributes:
        text: as the model wrote it.
        cursor: the number of the page in the conversation.
        first_line, last_line: counted as the page was shown.
    """

    text: str
    cursor: int
    first_line: int
    last_line: int


class CitationReader:
    """Tells citations from text that comes piece by piece."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> Iterator[str | Mark]:
        """Text and citations, in order. What may become a citation waits."""
        text = self._held + text
        self._held = ""
        while text:
            start = text.find(_OPENING)
            if start < 0:
                yield text
                return
            if start:
                yield text[:start]
                text = text[start:]
            if found := _WHOLE.match(text):
                first, last = int(found[2]), int(found[3] or found[2])
                yield Mark(found[0], int(found[1]), first, last)
                text = text[found.end() :]
            elif _PART.fullmatch(text):
                self._held = text
                return
            else:
                yield _OPENING
                text = text[1:]

    def finish(self) -> str:
        """What was held when the text ended, so that it is no citation."""
        held, self._held = self._held, ""
        return held
