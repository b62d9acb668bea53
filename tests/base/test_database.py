"""The user's SQLite files: private, migrated, whole; troubles in words."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ossia.base.database import Database, Plan, around, conditions
from ossia.base.errors import InputError, ResourceError

PLAN = Plan(
    "notes",
    (
        ("CREATE TABLE notes (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",),
        (
            "CREATE VIRTUAL TABLE words USING fts5(text, content='notes', "
            "content_rowid='number', tokenize='trigram')",
        ),
    ),
)


def add(database: Database, *texts: str) -> None:
    with database.writing() as rows:
        for text in texts:
            number = rows.execute("INSERT INTO notes (text) VALUES (?)", (text,)).lastrowid
            rows.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, text))


def texts(database: Database) -> list[str]:
    with database.reading() as rows:
        return [text for (text,) in rows.execute("SELECT text FROM notes ORDER BY number")]


def test_all_or_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "a" / "notes.sqlite3", PLAN)
    add(database, "kept")

    def stopped() -> None:
        with database.writing() as rows:
            rows.execute("INSERT INTO notes (text) VALUES ('lost')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert texts(database) == ["kept"]
    database.close()
    for path in (tmp_path / "a").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_in_memory_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = Database(None, PLAN)
    add(database, "here")
    assert texts(database) == ["here"]
    assert not list(tmp_path.iterdir())


def test_what_was_committed_survives_kill(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from tests.base.test_database import PLAN, Database, add
database = Database(Path({str(tmp_path / "notes.sqlite3")!r}), PLAN)
add(database, "said")
with database.writing() as rows:
    rows.execute("INSERT INTO notes (text) VALUES ('half')")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    assert texts(Database(tmp_path / "notes.sqlite3", PLAN)) == ["said"]


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    database = Database(tmp_path / "notes.sqlite3", PLAN)
    add(database, "first")
    with database.reading() as rows:
        [(pages,)] = rows.execute("PRAGMA page_count")
        rows.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ResourceError, match="no room to keep notes; free some disk"):
        add(database, "x" * 100_000)
    assert texts(database) == ["first"]


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "none.sqlite3").write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match=r"store of notes is damaged; move none\.sqlite3 away"):
        Database(tmp_path / "none.sqlite3", PLAN)
    with pytest.raises(ResourceError, match="cannot be used"):
        Database(tmp_path / "none.sqlite3" / "x", PLAN)
    newer = sqlite3.connect(tmp_path / "newer.sqlite3")
    newer.execute("PRAGMA user_version = 9")
    newer.close()
    with pytest.raises(InputError, match="version 9, and this ossia reads up to 2"):
        Database(tmp_path / "newer.sqlite3", PLAN)


def test_two_processes_wait_for_each_other(tmp_path: Path) -> None:
    one, two = (Database(tmp_path / "notes.sqlite3", PLAN) for _ in range(2))
    add(one, "one")
    add(two, "two")
    assert texts(one) == texts(two) == ["one", "two"]
    assert os.path.exists(tmp_path / "notes.sqlite3-wal")  # noqa: PTH110 - readers do not block


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("lantern", ["the lantern"]),
        ("ANTER", ["the lantern"]),
        ("등불", ["빨간 등불이 켜졌다"]),
        ("등", ["빨간 등불이 켜졌다"]),
        ("켜졌다 빨간", ["빨간 등불이 켜졌다"]),
        ("100%", ["100% sure"]),
        ('"OR" NOT', []),
        ("_", []),
        ("   ", []),
    ],
)
def test_words_in_any_script(query: str, found: list[str]) -> None:
    database = Database(None, PLAN)
    add(database, "the lantern", "빨간 등불이 켜졌다", "100% sure")
    wanted, values = conditions(query, "words", "text")
    if not wanted:
        assert not found
        return
    with database.reading() as rows:
        sql = f"SELECT text FROM notes WHERE {' AND '.join(wanted)}"
        assert [text for (text,) in rows.execute(sql, values)] == found


def test_what_stands_around() -> None:
    text = f"{'a' * 100} Lantern {'b' * 300}"
    assert "Lantern" in around(text, "lantern light")
    assert around(text, "lantern").startswith("…")
    assert around("short", "x") == "short"
