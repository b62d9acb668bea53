"""The file of responses: which processes write into it, and how much of it is kept.

Knows locks and limits; what a SQLite file is knows ``base.database``.
"""

import fcntl
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from ossia.base import database
from ossia.base.errors import ResourceError
from ossia.server.store.migrations import PLAN

NAME = "responses.sqlite3"


@dataclass(frozen=True)
class Limits:
    """How much is kept.

    Attributes:
        max_age: seconds after which responses go, counted from the last that goes on from them.
        max_bytes: of the file; the oldest go first.
    """

    max_age: float = 30 * 86_400.0
    max_bytes: int = 4 << 30


class Database(database.Database):
    """The file, and this process among those that write into it.

    Args:
        folder: None keeps everything in memory.

    Raises:
        OssiaError: the file cannot be had, or is none of ours.
    """

    def __init__(self, folder: Path | None) -> None:
        self.process = Processes(folder)
        self.folder = folder
        super().__init__(None if folder is None else folder / NAME, PLAN)

    def close(self) -> None:
        """Ends it."""
        super().close()
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
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._held = os.open(self._path(self.own), os.O_CREAT | os.O_RDWR, 0o600)
                fcntl.flock(self._held, fcntl.LOCK_EX)
            except OSError as error:
                what = f"the store of {PLAN.what} cannot be used: {error.strerror or error}"
                raise ResourceError(f"{folder}: {what}") from error

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
