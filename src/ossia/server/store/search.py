"""Full-text search over what was said.

A query is words, all of which have to be there, as parts of words too, in any script and case.
"""

import sqlite3
from dataclasses import dataclass

from ossia.base.database import around, conditions
from ossia.server.store.database import Database

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
    wanted, values = conditions(query, "said", "words")
    if not wanted:
        return []
    found = rows.execute(
        f"SELECT place, id, words FROM items WHERE {' AND '.join(['owner = ?', *wanted])} "
        "ORDER BY number DESC LIMIT ?",
        (owner, *values, limit),
    )
    return [Hit(place, item, around(text, query)) for place, item, text in found]


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
