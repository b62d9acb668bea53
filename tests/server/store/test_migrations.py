"""Databases of older versions, of newer ones, and files that are none."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ossia.base.database import migrate
from ossia.base.errors import InputError, ResourceError
from ossia.server.responses.items import words_of
from ossia.server.store import Store
from ossia.server.store.database import NAME
from ossia.server.store.migrations import PLAN

VERSION = PLAN.version


def test_an_old_database_is_brought_up_to_date(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    migrate(old, PLAN, upto=1)
    assert old.execute("PRAGMA user_version").fetchone() == (1,)
    old.execute(
        "INSERT INTO items (place, owner, position, id, body, words) VALUES "
        "('resp_1', 'me', 0, 'msg_1', '{\"id\": \"msg_1\"}', 'what was said before')"
    )
    old.close()
    store = Store(tmp_path, words=words_of)
    [hit] = store.search("me", "before")
    assert (hit.place, hit.item) == ("resp_1", "msg_1")
    store.close()
    new = sqlite3.connect(tmp_path / NAME)
    assert new.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_step_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    steps = (*PLAN.steps, ("CREATE TABLE more (a)", "CREATE TABLE items (a)"))
    rows = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(rows, replace(PLAN, steps=steps))
    assert rows.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert rows.execute("SELECT name FROM sqlite_schema WHERE name = 'more'").fetchall() == []


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    rows = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    rows.execute(f"PRAGMA user_version = {VERSION + 1}")
    rows.close()
    with pytest.raises(InputError, match=f"version {VERSION + 1}"):
        Store(tmp_path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match="damaged"):
        Store(tmp_path)
    assert (tmp_path / NAME).read_bytes().startswith(b"no database")


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot be used"):
        Store(tmp_path / "file" / "responses")


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    Store(tmp_path / "kept").close()
    (tmp_path / "kept" / NAME).chmod(0o644)
    store = Store(tmp_path / "kept")
    store.add_conversation("me", {})
    for path in (tmp_path / "kept").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path
    store.close()
