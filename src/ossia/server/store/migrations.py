"""The tables, version by version. An older database is brought up to date step by step.

A step that was ever released is never changed; what is to be different comes as a new one.
"""

import sqlite3
from collections.abc import Sequence

from ossia.base.errors import InputError

MIGRATIONS: Sequence[Sequence[str]] = (
    (  # 1: responses, conversations, and what was said in them
        """
        CREATE TABLE responses (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            chain TEXT NOT NULL, -- the first of those that go on from one another
            previous TEXT, -- the one that this goes on from
            conversation TEXT,
            process TEXT, -- who makes it; null once it is made
            num_inputs INTEGER NOT NULL, -- items that are its input; those behind are its output
            body TEXT NOT NULL, -- JSON, without its output
            events BLOB -- its stream, compressed
        ) STRICT
        """,
        "CREATE INDEX responses_by_chain ON responses (chain)",
        "CREATE INDEX responses_by_process ON responses (process) WHERE process IS NOT NULL",
        """
        CREATE TABLE conversations (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            changed_at INTEGER NOT NULL,
            metadata TEXT NOT NULL -- JSON
        ) STRICT
        """,
        """
        CREATE TABLE items (
            number INTEGER PRIMARY KEY,
            place TEXT NOT NULL, -- a response or a conversation
            owner TEXT NOT NULL,
            position INTEGER NOT NULL,
            id TEXT NOT NULL,
            body TEXT NOT NULL, -- JSON
            words TEXT NOT NULL, -- what somebody may look for
            UNIQUE (place, position)
        ) STRICT
        """,
        "CREATE INDEX items_by_id ON items (id)",
    ),
    (  # 2: full-text search; by three letters, so that it finds parts of words in any script
        """
        CREATE VIRTUAL TABLE said USING fts5(
            words, content='items', content_rowid='number', tokenize='trigram'
        )
        """,
        """
        CREATE TRIGGER items_added AFTER INSERT ON items BEGIN
            INSERT INTO said (rowid, words) VALUES (new.number, new.words);
        END
        """,
        """
        CREATE TRIGGER items_removed AFTER DELETE ON items BEGIN
            INSERT INTO said (said, rowid, words) VALUES ('delete', old.number, old.words);
        END
        """,
        "INSERT INTO said (said) VALUES ('rebuild')",
    ),
)

VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, upto: int = VERSION) -> None:
    """Brings a database to a version, each step whole or not at all.

    Raises:
        InputError: it is of a version that this ossia does not know.
    """
    [(version,)] = connection.execute("PRAGMA user_version")
    if version > VERSION:
        raise InputError(
            f"the store of responses has version {version}, and this ossia reads up to {VERSION}; "
            "use the newer ossia that wrote it"
        )
    for number, steps in enumerate(MIGRATIONS[version:upto], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone() != (number - 1,):
                connection.execute("ROLLBACK")  # another process was faster
                return migrate(connection, upto)
            for step in steps:
                connection.execute(step)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return None
