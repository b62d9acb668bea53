"""How a page is shown to the model: numbered lines through a window, as it was trained to read.

    [3] A title (https://example.org/page)
    **viewing lines [0 - 25] of 180**

    L0:
    L1: URL: https://example.org/page
    L2: # A heading

Lines are counted from 0. Knows text; not where a page is from. The form is that of the browser tool
in OpenAI's gpt-oss repository.
"""

import textwrap
from collections.abc import Sequence
from urllib.parse import unquote

from ossia.tools.documents.document import plain

WIDTH = 80
MAX_HEADER = 1024
_LONGEST = 100 * WIDTH
"""Characters that are wrapped at once; wrapping longer words takes time by their square."""

VIEW_BYTES = 4096
"""Bytes of UTF-8 that a window shows if the model does not say how many lines: about 1,024 tokens,
the window it was trained with, in English (4 letters a token) as in Korean (1.4)."""


def with_address(url: str, text: str) -> str:
    """A page's text below the line that says where it is from."""
    return f"\nURL: {url}\n{text}"


def numbered_lines(text: str) -> tuple[str, ...]:
    """The lines of a text as they are numbered: at most 80 characters, blanks kept."""
    wrapper = textwrap.TextWrapper(WIDTH, replace_whitespace=False, drop_whitespace=False)
    return tuple(
        piece
        for line in text.split("\n")
        for start in range(0, max(1, len(line)), _LONGEST)
        for piece in wrapper.wrap(line[start : start + _LONGEST]) or [""]
    )


def line_at(text: str, place: int) -> int:
    """The number of the line that has a character of the text."""
    return max(0, len(numbered_lines(text[: place + 1])) - 1)


def window_end(lines: Sequence[str], first: int, num_lines: int, view_bytes: int) -> int:
    """The line after the last that is shown; it fits the window unless a number was asked for."""
    if num_lines > 0:
        return min(first + num_lines, len(lines))
    taken = 0
    for number in range(first, len(lines)):
        taken += len(f"L{number}: {lines[number]}\n".encode())
        if taken > view_bytes and number > first:
            return number
    return len(lines)


def shown(cursor: int, title: str, url: str, lines: Sequence[str], first: int, end: int) -> str:
    """The window ``lines[first:end]`` of a page, below its header."""
    address = plain(unquote(url, errors="replace")).replace("\n", " ")
    if len(address) > MAX_HEADER:
        address = f"{address[: MAX_HEADER - 3]}..."
    where = f" ({address})" if address else ""
    head = f"[{cursor}] {title}{where}\n**viewing lines [{first} - {end - 1}] of {len(lines) - 1}**"
    body = "\n".join(f"L{number}: {lines[number]}" for number in range(first, end))
    return f"{head}\n\n{body}"
