"""The tables of responses and conversations, version by version."""

from collections.abc import Sequence

from ossia.base.database import Plan

_STEPS: Sequence[Sequence[str]] = (
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
    ("ALTER TABLE responses ADD COLUMN raw BLOB",),  # 3: its tokens, as JSON, compressed
)

PLAN = Plan("responses", _STEPS)
