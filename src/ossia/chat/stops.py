"""Strings that end an answer, found in text that comes piece by piece.

It knows text only. Nothing of a stop string is ever given out: a piece that may be the beginning
of one waits until that is certain.
"""

from collections.abc import Sequence


class StopStrings:
    """One message's text on its way out."""

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = tuple(strings)
        self._held = ""
        self.found: str | None = None

    def feed(self, text: str) -> str:
        """What can be given out; after a string was found, nothing."""
        if self.found is not None:
            return ""
        if not self._strings:
            return text
        text = self._held + text
        starts = [(text.find(string), string) for string in self._strings]
        # The first to be whole counts, wherever the text was cut; of two, the longer.
        first = min(
            ((start + len(string), start, string) for start, string in starts if start >= 0),
            default=None,
        )
        if first is not None:
            _, start, self.found = first
            self._held = ""
            return text[:start]
        num_held = max(_overlap(text, string) for string in self._strings)
        self._held = text[len(text) - num_held :]
        return text[: len(text) - num_held]

    def finish(self) -> str:
        """What was held when the message ended, so that it is no stop string."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, string: str) -> int:
    """The longest end of a text that is a beginning of a string, and not all of it."""
    longest = min(len(text), len(string) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(string[:n])), 0)
