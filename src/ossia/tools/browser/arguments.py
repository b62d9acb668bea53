"""What a call says, from what the model wrote. Lenient where only one thing can be meant.

The model writes JSON; now and then it writes numbers as text, other names, or a bare query.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ossia.base.errors import InputError

FUNCTIONS = ("search", "open", "find")

_FENCE = re.compile(r"\A```\w*\n(.*?)\n?```\Z", re.DOTALL)
_LINK = re.compile(r"【(\d{1,6})(?:†[^】]*)?】?")
_TOPN_NAMES = ("topn", "top_n", "num_results", "count", "k")


@dataclass(frozen=True)
class Search:
    """Look for a query."""

    query: str
    topn: int
    source: str | None


@dataclass(frozen=True)
class Open:
    """Show a page, or another part of one.

    Attributes:
        target: the number of a link, an address, or None for the page itself.
        cursor: of the page that has the link; None is the most recent.
        first: line to begin with; None is the start, or what was searched for.
        num_lines: 0 is as many as fit.
        is_source: whether its markup is wanted.
    """

    target: int | str | None
    cursor: int | None
    first: int | None
    num_lines: int
    is_source: bool


@dataclass(frozen=True)
class Find:
    """Look for a text within a page."""

    pattern: str
    cursor: int | None


Asked = Search | Open | Find


def read_call(recipient: str, text: str) -> Asked:
    """What is asked for.

    Raises:
        InputError: it makes no sense; the message is for the model.
    """
    name = recipient.removeprefix("browser").lstrip(".")
    if name not in FUNCTIONS:
        raise InputError(
            f"there is no {recipient!r:.60}; there are browser.search, browser.open, browser.find"
        )
    given = _object(name, text)
    if name == "search":
        query = _text(given, "query", "q", "queries")
        topn = _number(given, *_TOPN_NAMES)
        source = given.get("source")
        topn = 10 if topn is None else topn
        return Search(query, topn, source if isinstance(source, str) and source else None)
    cursor = _number(given, "cursor")
    if name == "find":
        return Find(_text(given, "pattern", "query", "text"), cursor)
    is_source = given.get("view_source") in (True, "true", "True", 1)
    num_lines = _number(given, "num_lines", "lines") or 0
    return Open(_target(given), cursor, _number(given, "loc", "line"), num_lines, is_source)


def _object(name: str, text: str) -> Mapping[str, Any]:
    """The arguments as named ones."""
    text = text.strip()
    if fenced := _FENCE.match(text):
        text = fenced[1].strip()
    key = {"search": "query", "open": "id", "find": "pattern"}[name]
    if not text:
        return {}
    try:
        given = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        if text.startswith(("{", "[")):
            raise InputError(
                f"the arguments of browser.{name} are no JSON; expected an object such as "
                f'{{"{key}": ...}}'
            ) from None
        return {key: text}
    if isinstance(given, dict):
        return given
    if isinstance(given, str | int | float):
        return {key: given}
    raise InputError(f"the arguments of browser.{name} are a list; expected an object")


def _text(given: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = given.get(name)
        if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            value = " ".join(value)
        if isinstance(value, bool | int | float):
            value = json.dumps(value)
        if isinstance(value, str) and value.strip():
            return value.strip()
    raise InputError(f"the call names no {names[0]}; expected text, not empty")


def _number(given: Mapping[str, Any], *names: str) -> int | None:
    """A number that may stand as text or with a letter before it; None where it is left out or -1.

    Raises:
        InputError: it is no number.
    """
    value = next((given[name] for name in names if given.get(name) is not None), None)
    if isinstance(value, str):
        if not value.strip():
            return None
        found = re.fullmatch(r"\[?[L【]?(-?\d{1,9})(?:\.0+)?[】\]]?", value.strip())
        value = int(found[1]) if found else value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e9:
        value = int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return None if value is None or value < 0 else min(value, 10**9)
    raise InputError(f"{names[0]} is {value!r:.40}; expected a number")


def _target(given: Mapping[str, Any]) -> int | str | None:
    value = next((given[name] for name in ("id", "url") if given.get(name) is not None), None)
    if not isinstance(value, str):
        return _number({"id": value}, "id")
    value = value.strip()
    if re.fullmatch(r"-?\d{1,9}", value):
        return _number({"id": value}, "id")
    if link := _LINK.fullmatch(value):
        return int(link[1])
    return value or None
