"""What a terminal can do, and text made fit for it.

Knows columns, escapes and the width of characters; knows nothing of what is said.
"""

import os
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TextIO

from ossia.base import settings

_CONTROLS: dict[int, int | None] = {code: 0x2400 + code for code in range(0x20)}
_CONTROLS |= {0x7F: 0x2421} | dict.fromkeys(range(128, 160), 65533)
_CONTROLS |= {ord("\n"): ord("\n"), ord("\t"): ord("\t"), ord("\r"): None}
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_HANGUL = range(0xAC00, 0xD7A4)


@dataclass(frozen=True)
class Screen:
    """A stream and what may be written on it."""

    stream: TextIO

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads it as it comes."""
        return self.stream.isatty()

    @property
    def can_move(self) -> bool:
        """Whether a line can be written over."""
        return self.is_terminal and not settings.is_dumb_terminal()

    @property
    def can_dim(self) -> bool:
        """Whether text can be styled, and the user wants it so."""
        return self.can_move and not settings.is_color_refused()

    @property
    def width(self) -> int | None:
        """Columns of the terminal now, or None where lines may have any length."""
        if not self.is_terminal:
            return None
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or None
        except OSError:
            return None

    def write(self, text: str, *, dim: bool = False) -> None:
        """Write and flush; every piece carries its own style, so that none outlives a Ctrl-C."""
        if text:
            self.stream.write(f"\x1b[2m{text}\x1b[0m" if dim and self.can_dim else text)
            self.stream.flush()

    def say(self, text: str, *, dim: bool = False) -> None:
        """Write whole lines, broken between words."""
        wrap = WordWrap(lambda: self.width)
        self.write(f"{wrap.feed(text)}{wrap.finish()}\n", dim=dim)

    def list(self, entries: Mapping[str, str], *, dim: bool = False) -> None:
        """Write names and what they are: in two columns, or where those are too narrow in one."""
        width = self.width
        column = max(map(len, entries)) + 2
        is_stacked = width is not None and column > width // 2
        indent = 4 if is_stacked else column
        for name, text in entries.items():
            wrap = WordWrap(lambda: None if width is None else max(width - indent, 8))
            lines = f"{wrap.feed(text)}{wrap.finish()}".split("\n")
            body = ("\n" + " " * indent).join(lines)
            head = f"{name}\n{'':{indent}}" if is_stacked else f"{name:{indent}}"
            self.write(f"{head}{body}\n", dim=dim)


def output() -> Screen:
    """Standard output."""
    return Screen(sys.stdout)


def notices() -> Screen:
    """Standard error."""
    return Screen(sys.stderr)


def printable(text: str) -> str:
    """Text that can only be read: what a model says must not steer the terminal."""
    return text.translate(_CONTROLS)


def char_width(char: str) -> int:
    """Columns that a character takes; of a tab the most that it can."""
    if char == "\t":
        return 8
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fitting(text: str, columns: int) -> str:
    """As much of a text's start as so many columns hold."""
    taken = accumulate(char_width(char) for char in text)
    return text[: sum(total <= columns for total in taken)]


def ending(text: str, columns: int) -> str:
    """As much of a text's end as so many columns hold."""
    return fitting(text[::-1], columns)[::-1]


class Status:
    """One line about what is going on, which goes away again; only on a terminal that can."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._is_shown = False

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._screen.can_move:
            self._screen.write("\r\x1b[K")
            self._screen.write(fitting(text, (self._screen.width or 80) - 1), dim=True)
            self._is_shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._is_shown:
            self._screen.write("\r\x1b[K")
            self._is_shown = False


class WordWrap:
    """Breaks lines between words while text comes in pieces.

    A word is held back until it is over, which is one token or so. Korean breaks between words as
    Koreans prefer it, Chinese and Japanese between any two characters. Code in fences and words
    longer than a line are left to the terminal. Styles take no room.
    """

    def __init__(self, width: Callable[[], int | None]) -> None:
        self.width = width
        self._column = 0
        self._spaces = self._word = ""
        self._head = ""  # the first characters of this line
        self._is_code = self._is_style = False

    def feed(self, text: str) -> str:
        """What of the text so far can be printed now."""
        if (width := self.width()) is None:
            return text
        return "".join([self._feed(char, width) for char in text])

    def finish(self) -> str:
        """What is still held."""
        return self._place(self.width() or 0)

    def _feed(self, char: str, width: int) -> str:
        if self._is_style or char == "\x1b":
            self._word += char
            self._is_style = char != "m"
            return ""
        if char == "\n":
            placed = self._place(width)
            self._is_code ^= self._head == "```"
            self._column, self._spaces, self._head = 0, "", ""
            return placed + char
        if len(self._head) < 3:
            self._head += char.strip()
        if self._is_code or self._head == "```":
            return self._place(width) + char
        if char.isspace():
            placed = self._place(width)
            self._spaces += char
            return placed
        if char_width(char) == 2 and ord(char) not in _HANGUL:
            placed = self._place(width)
            self._word = char
            return placed + self._place(width)
        is_full = columns(self._word) + char_width(char) > width
        placed = self._place(width) if is_full else ""
        self._word += char
        return placed

    def _place(self, width: int) -> str:
        """The held word, on this line or on the next."""
        word, spaces = self._word, self._spaces
        if not word:
            return ""
        self._word = self._spaces = ""
        needed = columns(spaces) + columns(word)
        if self._column + needed > width:
            turn = "\n" if self._column else ""
            self._column = columns(word)
            return turn + word
        self._column += needed
        return spaces + word


def columns(text: str) -> int:
    """Columns that a text takes, whatever its style."""
    return sum(map(char_width, _STYLE.sub("", text)))
