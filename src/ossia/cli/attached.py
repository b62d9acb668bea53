"""Files named in a question with ``@path``: their text, what it costs, and what is too large.

Knows how paths are typed and how a file stands in a question; formats are of ``tools.documents``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ossia.base.errors import InputError
from ossia.cli.terminal import printable

_NAMED = re.compile(r'(?<!\S)@(?:"([^"\n]+)"|(\S+))')


@dataclass(frozen=True)
class Attached:
    """A question with its files.

    Attributes:
        question: what was typed, and after it the text of every file.
        costs: tokens of each file, by the path as it was typed.
    """

    question: str
    costs: dict[str, int]


def attached(typed: str, count: Callable[[str], int], room: int) -> Attached:
    """A question as it goes to the model. What is named and is no file stays as it was typed.

    Args:
        count: tokens of a text.
        room: tokens that the context still has.

    Raises:
        InputError: a file cannot be read, or they do not fit.
    """
    parts, costs = [typed], {}
    for match in _NAMED.finditer(typed):
        named = _path(match)
        if named is not None and named not in costs:
            parts.append(_text(named))
            costs[named] = count(parts[-1])
    if costs and (needed := sum(costs.values())) > room:
        raise InputError(
            f"{_listed(costs)}: {needed:,} tokens, and the context has room for {room:,}; name a "
            "part of it, begin anew with /clear, or start with a larger --context"
        )
    return Attached("\n\n".join(parts), costs)


def told(costs: dict[str, int]) -> str:
    """What the files of a question cost, for the user."""
    return "read " + ", ".join(
        f"{printable(name)} ({cost:,} tokens)" for name, cost in costs.items()
    )


def _path(match: re.Match[str]) -> str | None:
    """A file as it was typed; a mark that ends the sentence is none of its name."""
    for name in (match[1] or match[2], (match[2] or "").rstrip(".,;:!?)")):
        try:
            if name and Path(name).expanduser().is_file():
                return name
        except (OSError, RuntimeError, ValueError):  # no name that a file can have
            continue
    return None


def _text(named: str) -> str:
    from ossia.tools.documents import read_file

    path = Path(named).expanduser().absolute()
    try:
        document = read_file(path)
    except OSError as error:
        raise InputError(f"{named}: cannot be read: {error.strerror or error}") from None
    return f"[file {path.name}]\n{document.text}\n[end of {path.name}]"


def _listed(costs: dict[str, int]) -> str:
    return ", ".join(map(printable, costs))
