"""A question that is answered with yes or no. Knows terminals; does not know what is asked."""

import sys

from ossia.base.errors import InputError
from ossia.cli.terminal import notices, printable


def can_ask() -> bool:
    """Whether a person is there to answer."""
    return sys.stdin is not None and sys.stdin.isatty() and notices().is_terminal


def is_agreed(question: str) -> bool:
    """Whether the user says yes; anything else, Ctrl-D too, is no.

    Raises:
        InputError: nobody is there to ask.
    """
    if not can_ask():
        raise InputError(f"{question} There is no terminal to ask on; say --yes")
    notices().write(f"{printable(question)} [y/N] ")
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        notices().write("\n")
    return answer.strip().lower() in ("y", "yes")
