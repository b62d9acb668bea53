"""Names of tools on the wire: what the model reads and writes, and what everybody else calls them.

A tool may have any name outside. Inside, one that the model was trained with would be taken for
that tool, and one with a space or a dot would end the header that holds it. Such a name gets
another, and has its own again on the way out. Knows names; knows no messages and no schemas.
"""

import re
import unicodedata
from collections.abc import Iterable

from ossia.harmony.messages import FUNCTIONS, Channel, Role

TRAINED = frozenset(
    {
        *("python", "browser", "container", "bash", "shell", "exec", "apply_patch"),
        *(FUNCTIONS, "all"),
        *Role,
        *Channel,
    }
)
"""Words that mean something to the model already: its tools and their functions, the format."""

MAX_LENGTH = 64
"""Characters of a name; OpenAI's interface allows as many."""

_GLUED = ("json", "code", *Channel)
"""Words of the header that the model sometimes writes against the end of a recipient."""

_LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class ToolNames:
    """The names of one conversation's functions, both ways.

    The same names give the same names on the wire, in whatever order they come, so that a prompt
    reads the same in the next turn.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._wire: dict[str, str] = {}
        ordered = sorted(set(names), key=lambda name: (not is_plain(name), name))
        for name in ordered:  # first those that stay as they are
            self._add(name)

    def wire(self, name: str) -> str:
        """What the model calls a function, within the namespace of functions.

        A name that was not given before (an old message may hold one) gets its own too.
        """
        return self._wire.get(name) or self._add(name)

    def recipient(self, name: str) -> str:
        """What stands in the header of a call: ``functions.`` and the name on the wire."""
        return f"{FUNCTIONS}.{self.wire(name)}"

    def outside(self, recipient: str) -> str:
        """The name that everybody else knows, of whatever the model wrote in its place.

        The model may leave out the namespace, or write the next word of the header against the
        name. A recipient that is nobody's is given back without the namespace.
        """
        name = recipient.removeprefix(f"{FUNCTIONS}.")
        found = self._known(name)
        for word in _GLUED:
            if found is None and name.endswith(word):
                found = self._known(name.removesuffix(word).rstrip(" ."))
        return name if found is None else found

    def _known(self, name: str) -> str | None:
        """The outside name of a name on the wire, else an outside name itself."""
        for outside, wire in self._wire.items():
            if wire == name:
                return outside
        return name if name in self._wire else None

    def _add(self, name: str) -> str:
        taken = set(self._wire.values())
        base = wire = name if is_plain(name) else mend(name)
        number = 2
        while wire in taken:
            suffix = f"_{number}"
            wire = base[: MAX_LENGTH - len(suffix)] + suffix
            number += 1
        self._wire[name] = wire
        return wire


def is_plain(name: str) -> bool:
    """Whether a function can have its name on the wire too."""
    is_legal = bool(_LEGAL.fullmatch(name)) and len(name) <= MAX_LENGTH
    return is_legal and name.casefold() not in TRAINED


def mend(name: str) -> str:
    """A name that the format can hold and the model was not trained with, near to another."""
    # Accents go, and so do other scripts: ASCII words are left.
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = "_".join(re.findall(r"[A-Za-z0-9_-]+", plain)).strip("-")[:MAX_LENGTH]
    if not words.strip("_"):
        return "function"
    if not _LEGAL.fullmatch(words):
        words = f"tool_{words}"[:MAX_LENGTH]
    return f"{words[: MAX_LENGTH - 5]}_tool" if words.casefold() in TRAINED else words
