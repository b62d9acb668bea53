"""The index: documents of folders, their text, and search in it. One SQLite file in ossia's home.

Knows SQLite and ranking; reads no files. Text is kept in passages, so that what is found is the
place in a document and not the document alone.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ossia.base import settings
from ossia.base.errors import InputError, OssiaError, ResourceError
from ossia.tools.documents.document import Document
from ossia.tools.documents.terms import query_of, terms_of

NAME = "documents.sqlite3"
PASSAGE = 1200
"""Characters of a passage, about."""

_VERSION = 1
_TABLES = """
CREATE TABLE folders (number INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL, updated REAL);
CREATE TABLE files (
    number INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL,
    folder INTEGER NOT NULL REFERENCES folders ON DELETE CASCADE,
    modified INTEGER NOT NULL, size INTEGER NOT NULL,
    title TEXT, links TEXT, trouble TEXT);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
    place INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX passages_of ON passages (file, place);
CREATE INDEX files_of ON files (folder);
CREATE VIRTUAL TABLE terms USING fts5(
    title, path, text, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE TRIGGER passage_goes AFTER DELETE ON passages
    BEGIN DELETE FROM terms WHERE rowid = old.number; END;
"""
_FOUND = """
SELECT files.path, folders.path, files.title, passages.place, passages.text
FROM (SELECT rowid AS number, bm25(terms, 4.0, 2.0, 1.0) AS score
      FROM terms WHERE terms MATCH ? ORDER BY score LIMIT ?) AS found
JOIN passages USING (number) JOIN files ON files.number = passages.file
JOIN folders ON folders.number = files.folder ORDER BY score
"""


@dataclass(frozen=True)
class Passage:
    """A part of a document that has terms of a query.

    Attributes:
        path: of the file; folder: the indexed one that it is in.
        place: of the passage among the characters of the document's text.
    """

    path: Path
    folder: Path
    title: str
    place: int
    text: str


@dataclass(frozen=True)
class Folder:
    """A folder that is indexed.

    Attributes:
        num_files: with text; num_troubles: files that could not be read.
        updated: seconds since 1970.
    """

    path: Path
    num_files: int
    num_troubles: int
    num_characters: int
    updated: float


@dataclass(frozen=True)
class Stamp:
    """By what a file that has changed is known."""

    modified: int
    size: int


class Index:
    """The documents of one user. Any thread may use it, one at a time.

    Args:
        path: of the file; None is the usual one, in ossia's home.

    Raises:
        OssiaError: it cannot be opened.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or settings.home() / NAME
        self._turn = threading.RLock()
        with self._told():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            self._rows = sqlite3.connect(
                self._path, timeout=10, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
                self._rows.execute(f"PRAGMA {pragma}")
            self._create()

    @staticmethod
    def exists() -> bool:
        """Whether anything was ever indexed."""
        return (settings.home() / NAME).is_file()

    def search(self, query: str, limit: int) -> list[Passage]:
        """The best passages of different documents, best first."""
        wanted = query_of(query)
        if not wanted:
            return []
        found: dict[str, Passage] = {}
        with self._reading() as rows:
            for path, folder, title, place, text in rows.execute(_FOUND, (wanted, 20 * limit)):
                found.setdefault(path, Passage(Path(path), Path(folder), title, place, text))
                if len(found) == limit:
                    break
        return list(found.values())

    def document(self, path: Path) -> Document | None:
        """A document as it was indexed; None if it is none of the index."""
        with self._reading() as rows:
            row = rows.execute(
                "SELECT number, title, links FROM files WHERE path = ? AND trouble IS NULL",
                (str(path),),
            ).fetchone()
            if row is None:
                return None
            number, title, links = row
            texts = rows.execute(
                "SELECT text FROM passages WHERE file = ? ORDER BY place", (number,)
            )
            text = "".join(text for (text,) in texts)
        return Document(title, text, tuple(links.split("\n")) if links else ())

    def folders(self) -> list[Folder]:
        """What is indexed."""
        with self._reading() as rows:
            found = rows.execute(
                "SELECT folders.path, sum(files.number IS NOT NULL AND trouble IS NULL),"
                " count(trouble), updated, (SELECT coalesce(sum(length(text)), 0) FROM passages"
                " JOIN files ON files.number = passages.file"
                " WHERE files.folder = folders.number)"
                " FROM folders LEFT JOIN files ON files.folder = folders.number"
                " GROUP BY folders.number ORDER BY folders.path"
            ).fetchall()
        return [
            Folder(Path(path), num, bad, chars, at or 0.0) for path, num, bad, at, chars in found
        ]

    def stamps(self, folder: Path) -> Mapping[Path, Stamp]:
        """What is known of a folder's files."""
        with self._reading() as rows:
            found = rows.execute(
                "SELECT files.path, modified, size FROM files"
                " JOIN folders ON folders.number = files.folder WHERE folders.path = ?",
                (str(folder),),
            )
            return {Path(path): Stamp(modified, size) for path, modified, size in found}

    def troubles(self, folder: Path) -> list[tuple[Path, str]]:
        """The files of a folder that could not be read, and why."""
        with self._reading() as rows:
            found = rows.execute(
                "SELECT files.path, trouble FROM files"
                " JOIN folders ON folders.number = files.folder"
                " WHERE folders.path = ? AND trouble IS NOT NULL ORDER BY files.path",
                (str(folder),),
            )
            return [(Path(path), trouble) for path, trouble in found]

    def add_folder(self, folder: Path) -> None:
        """Begins a folder; those within it become part of it.

        Raises:
            InputError: it is part of one already.
        """
        for other in self.folders():
            if folder != other.path and folder.is_relative_to(other.path):
                raise InputError(
                    f"{folder} is part of {other.path}, which is indexed; "
                    f"ossia index {other.path} brings both up to date"
                )
        with self._writing() as rows:
            rows.execute("INSERT OR IGNORE INTO folders (path) VALUES (?)", (str(folder),))
            for other in self.folders():
                if folder != other.path and other.path.is_relative_to(folder):
                    rows.execute(
                        "UPDATE files SET folder = (SELECT number FROM folders WHERE path = ?)"
                        " WHERE folder = (SELECT number FROM folders WHERE path = ?)",
                        (str(folder), str(other.path)),
                    )
                    rows.execute("DELETE FROM folders WHERE path = ?", (str(other.path),))

    def finish_folder(self, folder: Path) -> None:
        """Says that a folder is up to date."""
        with self._writing() as rows:
            rows.execute(
                "UPDATE folders SET updated = ? WHERE path = ?", (time.time(), str(folder))
            )

    def remove_folder(self, folder: Path) -> bool:
        """Forgets a folder and its documents; whether it was there. Its files stay."""
        with self._writing() as rows:
            is_gone = rows.execute("DELETE FROM folders WHERE path = ?", (str(folder),)).rowcount
        with self._turn, self._told():
            self._rows.execute("VACUUM")
        return is_gone > 0

    def put(self, folder: Path, path: Path, stamp: Stamp, found: Document | str) -> None:
        """Keeps a document instead of what was known of the file, or why there is none."""
        title, links, trouble = None, None, None
        if isinstance(found, str):
            trouble = found
        else:
            title, links = found.title, "\n".join(found.links)
        with self._writing() as rows:
            rows.execute("DELETE FROM files WHERE path = ?", (str(path),))
            number = rows.execute(
                "INSERT INTO files (path, folder, modified, size, title, links, trouble)"
                " SELECT ?, number, ?, ?, ?, ?, ? FROM folders WHERE path = ?",
                (str(path), stamp.modified, stamp.size, title, links, trouble, str(folder)),
            ).lastrowid
            if isinstance(found, Document):
                inner = str(path.relative_to(folder))
                for place, text in passages(found.text):
                    passage = rows.execute(
                        "INSERT INTO passages (file, place, text) VALUES (?, ?, ?)",
                        (number, place, text),
                    ).lastrowid
                    rows.execute(
                        "INSERT INTO terms (rowid, title, path, text) VALUES (?, ?, ?, ?)",
                        (passage, *map(terms_of, (found.title, inner, text))),
                    )

    def drop(self, path: Path) -> None:
        """Forgets a file."""
        with self._writing() as rows:
            rows.execute("DELETE FROM files WHERE path = ?", (str(path),))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Changes that are written at once, which takes a fraction of the time."""
        with self._writing():
            yield

    def close(self) -> None:
        """Ends it."""
        with self._turn:
            self._rows.close()

    def _create(self) -> None:
        [version] = self._rows.execute("PRAGMA user_version").fetchone()
        if version == _VERSION:
            return
        with self._writing() as rows:
            [version] = rows.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise InputError(f"{self._path} is of a newer ossia; update ossia, or move it away")
            if version == 0:
                for statement in _statements(_TABLES):
                    rows.execute(statement)
                rows.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._turn, self._told():
            yield self._rows

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._turn, self._told():
            if self._rows.in_transaction:
                yield self._rows
                return
            self._rows.execute("BEGIN IMMEDIATE")
            try:
                yield self._rows
                self._rows.execute("COMMIT")
            except BaseException:
                if self._rows.in_transaction:
                    self._rows.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's troubles in words."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._trouble(error) from error

    def _trouble(self, error: sqlite3.Error | OSError) -> OssiaError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return InputError(f"{self._path} is damaged; remove it and index your folders again")
        if code == sqlite3.SQLITE_FULL:
            return ResourceError(f"no room for the index in {self._path.parent}; free some disk")
        if code == sqlite3.SQLITE_BUSY:
            return ResourceError(f"another program writes {self._path}; try again")
        what = getattr(error, "strerror", None) or error
        return ResourceError(f"{self._path} cannot be used: {what}")


def passages(text: str) -> Iterator[tuple[int, str]]:
    """A text in passages, with the place of each; joined they are the text.

    They end where paragraphs do if that is not too soon, else where lines do.
    """
    start = 0
    while start < len(text):
        end = start + PASSAGE
        if end < len(text):
            for ending in ("\n\n", "\n", " "):
                cut = text.rfind(ending, start + PASSAGE // 2, end)
                if cut >= 0:
                    end = cut + len(ending)
                    break
        yield start, text[start:end]
        start = end


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.strip().split("\n"):
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
