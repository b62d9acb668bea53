"""What tools do, as a person sees it: what is about to happen, whether it may, what came of it.

Knows tools' actions and results and the terminal; knows neither the loop nor who decides in the
end. All of it is text for people: control characters of a model or a page are made visible.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from ossia.agent import Permission, Returned, Started
from ossia.base import settings
from ossia.cli.confirm import can_ask
from ossia.cli.facts import counted
from ossia.cli.terminal import Screen, fitting, notices, printable
from ossia.tools import Page, Picture

MAX_LINES = 12
"""Of a result that are shown; a diff that is to be allowed is shown whole."""


class Happenings:
    """Shows what tools do.

    Args:
        screen: where; what is not for a terminal is not shown at all.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._shown: Permission | None = None  # its summary stands there already

    def start(self, event: Started) -> None:
        """A call is done from now on."""
        if self._shown is None:
            self._say(f"» {event.action.tool}: {event.action.summary}")
        self._shown = None

    def finish(self, event: Returned) -> None:
        """What came of it, bounded."""
        self._shown = None
        lines = event.result.text.splitlines() or [""]
        self._lines(lines[:MAX_LINES])
        if len(lines) > MAX_LINES:
            self._say(f"  … {counted(len(lines) - MAX_LINES, 'more line')}")
        for picture in event.result.pictures:
            self._say(f"  a picture: {kept(picture)}")

    def ask(self, event: Permission) -> None:
        """Whether a call may be done; where nobody can be asked it may not."""
        action = event.action
        where = f" ({action.target})" if action.target else ""
        self._say(f"» {action.tool} wants to {action.summary}{where}")
        self._lines(action.detail.splitlines())
        self._shown = event
        if not can_ask():
            return
        notices().write("Allow? [y]es, [a]lways here, [N]o: ")
        answer = sys.stdin.readline()
        if not answer.endswith("\n"):
            notices().write("\n")
        if (answer := answer.strip().lower()) in ("y", "yes", "a", "always"):
            event.grant(is_lasting=answer.startswith("a"))

    def _lines(self, lines: Iterable[str]) -> None:
        width = self._screen.width
        for line in lines:
            shown = printable(line.replace("\t", "    "))
            self._say(f"  {shown if width is None else fitting(shown, max(width - 3, 8))}")

    def _say(self, line: str) -> None:
        if self._screen.is_terminal:
            self._screen.write(f"{printable(line)}\n", dim=True)


def sources(text: str, pages: Mapping[int, Page]) -> dict[str, str]:
    """What an answer cites, each place once: its mark, and where it is."""
    from ossia.tools.browser import citations  # slow to import, and seldom needed

    found: dict[str, str] = {}
    for cited in citations(text, pages):
        lines = ""
        if cited.first_line is not None:
            is_one = cited.first_line == cited.last_line
            last = "" if is_one else f"-{cited.last_line}"
            lines = f", line{'s' * (not is_one)} {cited.first_line}{last}"
        mark = text[cited.start : cited.end]
        found.setdefault(printable(mark), printable(f"{cited.title}: {cited.url}{lines}"))
    return found


def kept(picture: Picture) -> Path:
    """The file that a picture is kept in, in ossia's home.

    Raises:
        OSError: it cannot be written.
    """
    import hashlib

    folder = settings.home() / "pictures"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ending = picture.media_type.rpartition("/")[2]
    path = folder / f"{hashlib.sha256(picture.data).hexdigest()[:16]}.{ending}"
    path.write_bytes(picture.data)
    return path
