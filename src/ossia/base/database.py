"""A SQLite file of the user's: private, brought up to date, whole after any end, searchable.

Knows SQLite; does not know what the rows say. What was committed survives the end of the process,
however it ends.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ossia.base.errors import InputError, OssiaError, ResourceError

WAIT_SECONDS = 10.0
"""How long one process waits while another writes."""

MIN_INDEXED = 3
"""Letters of a word that an index of three letters knows; shorter ones are looked for in the text
itself."""

MAX_WORDS = 16


@dataclass(frozen=True)
class Plan:
    """What a file holds.

    Attributes:
        what: its contents, for people: ``responses``.
        steps: the tables, version by version. A step that was ever released is never changed; what
            is to be different comes as a new one.
    """

    what: str
    steps: Sequence[Sequence[str]]

    @property
    def version(self) -> int:
        """Of a file that is up to date."""
        return len(self.steps)


class Database:
    """One connection that any thread may use, one at a time.

    Args:
        path: of the file; None keeps everything in memory.

    Raises:
        OssiaError: the file cannot be had, or is none of ours.
    """

    def __init__(self, path: Path | None, plan: Plan) -> None:
        self._turn = threading.RLock()
        self.path, self._plan = path, plan
        with self._told():
            where = ":memory:" if path is None else _private_file(path)
            self._connection = sqlite3.connect(
                where, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            for pragma in (
                "auto_vacuum = INCREMENTAL",  # before there are tables
                "journal_mode = WAL",
                "synchronous = NORMAL",
                "secure_delete = ON",  # what is deleted is overwritten
                "foreign_keys = ON",
            ):
                self._connection.execute(f"PRAGMA {pragma}")
            migrate(self._connection, plan)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Several questions, answered at one point in time."""
        with self._turn, self._told():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Several changes, all or none."""
        with self._turn, self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def num_bytes(self) -> int:
        """Of the file, without what is free in it."""
        with self.reading() as rows:
            [(pages, free, size)] = rows.execute(
                "SELECT page_count, freelist_count, page_size "
                "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
            )
            return int((pages - free) * size)

    def shrink(self) -> None:
        """Gives free pages back to the disk."""
        with self._turn, self._told():
            # As a script, for it is one step a page, and ``execute`` does only the first.
            self._connection.executescript("PRAGMA incremental_vacuum")

    def close(self) -> None:
        """Ends it."""
        with self._turn:
            self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's troubles in words for the user."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._trouble(error) from error

    def _trouble(self, error: sqlite3.Error | OSError) -> OssiaError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        what, place = self._plan.what, "memory" if self.path is None else self.path.parent
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            name = "it" if self.path is None else self.path.name
            return InputError(
                f"{place}: the store of {what} is damaged; move {name} away to begin a new one"
            )
        if code == sqlite3.SQLITE_FULL:
            return ResourceError(f"{place}: no room to keep {what}; free some disk")
        if code == sqlite3.SQLITE_BUSY:
            return ResourceError(f"{place}: another program holds the store of {what}; try again")
        told = getattr(error, "strerror", None) or error
        return ResourceError(f"{place}: the store of {what} cannot be used: {told}")


def migrate(connection: sqlite3.Connection, plan: Plan, upto: int | None = None) -> None:
    """Brings a database to a version, by default the last; each step whole or not at all.

    Raises:
        InputError: it is of a version that this ossia does not know.
    """
    [(version,)] = connection.execute("PRAGMA user_version")
    if version > plan.version:
        raise InputError(
            f"the store of {plan.what} has version {version}, and this ossia reads up to "
            f"{plan.version}; use the newer ossia that wrote it"
        )
    for number, steps in enumerate(plan.steps[version:upto], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone() != (number - 1,):
                connection.execute("ROLLBACK")  # another process was faster
                return migrate(connection, plan, upto)
            for step in steps:
                connection.execute(step)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return None


def conditions(query: str, index: str, column: str) -> tuple[list[str], list[str]]:
    """What a row has to be to have all words of a query, as parts of words too, in any script.

    Args:
        query: words; the query language of SQLite's FTS5 stays hidden.
        index: an FTS5 table by three letters whose rowids are the table's ``number``.
        column: of the table, with the text.

    Returns:
        Conditions in SQL, and the values of their question marks. None of a query without words.
    """
    words = query.split()[:MAX_WORDS]
    indexed = [word for word in words if len(word) >= MIN_INDEXED]
    found, values = [], []
    if indexed:
        quoted = ('"' + word.replace('"', '""') + '"' for word in indexed)
        found.append(f"number IN (SELECT rowid FROM {index} WHERE {index} MATCH ?)")
        values.append(" AND ".join(quoted))
    for word in words:
        if len(word) < MIN_INDEXED:
            found.append(rf"{column} LIKE ? ESCAPE '\'")
            escaped = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
            values.append(f"%{escaped}%")
    return found, values


def around(text: str, query: str, before: int = 60, after: int = 140) -> str:
    """The part of a text with the first word of a query."""
    first = next(iter(query.split()), "")
    place = max(text.casefold().find(first.casefold()), 0)
    start = max(place - before, 0)
    end = place + after
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def _private_file(path: Path) -> Path:
    """A file that only its owner may read; SQLite gives its companions the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)
    return path
