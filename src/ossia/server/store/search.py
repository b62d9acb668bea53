"""Full-text search over what was said.

Knows the query language of SQLite's FTS5 and keeps it from users: a query is words, all of which
have to be there, as parts of words too, in any script and case.
"""

import sqlite3
from dataclasses import dataclass

from ossia.server.store.database import Database

MIN_INDEXED = 3
"""Letters of a word that the index knows; shorter ones are looked for in the text itself."""

MAX_WORDS = 16

INDEXED = 5
"""Bytes that the index takes for each of a text, at most about: three letters at each place."""

_MERGED_PAGES = 1000
"""Of the index at a time: others may write in between."""


@dataclass(frozen=True)
class Hit:
    """Something that was said.

    Attributes:
        place: the response or the conversation it was said in.
        item: its id.
        text: what was said around the first word.
    """

    place: str
    item: str
    text: str


def find(rows: sqlite3.Connection, owner: str, query: str, limit: int) -> list[Hit]:
    """What has all words of a query, latest first."""
    words = query.split()[:MAX_WORDS]
    if not words:
        return []
    indexed = [word for word in words if len(word) >= MIN_INDEXED]
    others = [word for word in words if len(word) < MIN_INDEXED]
    conditions, values = ["owner = ?"], [owner]
    if indexed:
        quoted = ('"' + word.replace('"', '""') + '"' for word in indexed)
        conditions.append("number IN (SELECT rowid FROM said WHERE said MATCH ?)")
        values.append(" AND ".join(quoted))
    for word in others:
        conditions.append(r"words LIKE ? ESCAPE '\'")
        escaped = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        values.append(f"%{escaped}%")
    found = rows.execute(
        f"SELECT place, id, words FROM items WHERE {' AND '.join(conditions)} "
        "ORDER BY number DESC LIMIT ?",
        (*values, limit),
    )
    return [Hit(place, item, _around(text, words[0])) for place, item, text in found]


def compact(database: Database) -> None:
    """Takes what was deleted out of the index too, where it is only crossed out until then.

    Source: SQLite's documentation of FTS5, the merge command.
    """
    num_pages = -_MERGED_PAGES  # less than nothing: all of the index is to be looked through
    while True:
        with database.writing() as rows:
            before = rows.total_changes
            rows.execute("INSERT INTO said (said, rank) VALUES ('merge', ?)", (num_pages,))
            if rows.total_changes - before < 2:
                return
        num_pages = _MERGED_PAGES


def _around(text: str, word: str, before: int = 60, after: int = 140) -> str:
    """The part of a text with a word."""
    place = max(text.casefold().find(word.casefold()), 0)
    start = max(place - before, 0)
    end = place + after
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
