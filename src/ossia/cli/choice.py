"""One word out of a few."""

from collections.abc import Iterable
from difflib import get_close_matches
from enum import Enum
from typing import TypeVar

from ossia.base.errors import InputError

Choice = TypeVar("Choice", bound=Enum)


def choose(kind: type[Choice], word: str, what: str, *, without: tuple[Choice, ...] = ()) -> Choice:
    """The member that a word names.

    Args:
        without: members that cannot be chosen here.

    Raises:
        InputError: none does.
    """
    known = {str(member.value): member for member in kind if member not in without}
    if word in known:
        return known[word]
    *rest, last = known
    raise InputError(
        f"no {what} {word!r:.40}; expected {', '.join(rest)} or {last}{nearest(word, known)}"
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean X?`` where a known word is near, else nothing."""
    found = get_close_matches(word, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
