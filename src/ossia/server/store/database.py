"""The file: opened for its owner alone, locked, and kept within its limits.

Knows SQLite; does not know what the rows say.
"""

import fcntl
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ossia.base.errors import InputError, OssiaError, ResourceError
from ossia.server.store.migrations import migrate

NAME = "responses.sqlite3"
WAIT_SECONDS = 10.0
"""How long one process waits while another writes."""


@dataclass(frozen=True)
class Limits:
    """How much is kept.

    Attributes:
        max_age: seconds after which responses go, counted from the last that goes on from them.
        max_bytes: of the file; the oldest go first.
    """

    max_age: float = 30 * 86_400.0
    max_bytes: int = 4 << 30


class Database:
    """One connection that any thread may use, one at a time.

    What was committed survives the end of the process, however it ends.

    Args:
        folder: None keeps everything in memory.

    Raises:
        OssiaError: the file cannot be had, or is none of ours.
    """

    def __init__(self, folder: Path | None) -> None:
        self._turn = threading.RLock()
        self.process = Processes(folder)
        with _told(folder):
            path = ":memory:" if folder is None else _private_file(folder / NAME)
            self._connection = sqlite3.connect(
                path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            for pragma in (
                "auto_vacuum = INCREMENTAL",  # before there are tables
                "journal_mode = WAL",
                "synchronous = NORMAL",
                "secure_delete = ON",  # what is deleted is overwritten; see ``search.compact``
                "foreign_keys = ON",
            ):
                self._connection.execute(f"PRAGMA {pragma}")
            migrate(self._connection)
        self.folder = folder

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Several questions, answered at one point in time."""
        with self._turn, _told(self.folder):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Several changes, all or none."""
        with self._turn, _told(self.folder):
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
        with self._turn, _told(self.folder):
            # As a script, for it is one step a page, and ``execute`` does only the first.
            self._connection.executescript("PRAGMA incremental_vacuum")

    def close(self) -> None:
        """Ends it."""
        with self._turn:
            self._connection.close()
        self.process.close()


class Processes:
    """Which of the processes that write into a store are alive: each holds the lock of a file.

    The kernel lets a lock go when its process ends, in whatever way.
    """

    def __init__(self, folder: Path | None) -> None:
        self.own = secrets.token_hex(8)
        self._folder = folder
        self._held: int | None = None
        if folder is not None:
            with _told(folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._held = os.open(self._path(self.own), os.O_CREAT | os.O_RDWR, 0o600)
                fcntl.flock(self._held, fcntl.LOCK_EX)

    def is_alive(self, process: str) -> bool:
        """Whether a process still runs; the file of one that does not is removed."""
        if process == self.own:
            return True
        try:
            other = os.open(self._path(process), os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(other)
        self._path(process).unlink(missing_ok=True)
        return False

    def close(self) -> None:
        """Says that nothing more is written."""
        if self._held is not None:
            self._path(self.own).unlink(missing_ok=True)
            os.close(self._held)
            self._held = None

    def _path(self, process: str) -> Path:
        return (self._folder or Path()) / f"{process}.lock"


def _private_file(path: Path) -> Path:
    """A file that only its owner may read; SQLite gives its companions the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)
    return path


@contextmanager
def _told(folder: Path | None) -> Iterator[None]:
    """SQLite's troubles in words for whoever runs the server."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _trouble(error, folder) from error


def _trouble(error: sqlite3.Error | OSError, folder: Path | None) -> OssiaError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return InputError(f"{folder}: the store is damaged; move {NAME} away to begin a new one")
    if code == sqlite3.SQLITE_FULL:
        return ResourceError(f"{folder}: no room to keep responses; free some disk")
    if code == sqlite3.SQLITE_BUSY:
        return ResourceError(f"{folder}: another program holds the store; try again")
    what = getattr(error, "strerror", None) or error
    return ResourceError(f"{folder}: the store of responses cannot be used: {what}")
