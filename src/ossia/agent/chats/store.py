"""Where chats are kept: one SQLite file in ossia's home, for the terminal and the server alike.

Knows whose they are: nobody sees another's. Every change is on the disk when its method returns.
All methods may be called from any thread, and from several processes at once.
"""

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ossia.agent.chats.chat import Chat, Head, Json, Node, Role, title_of, words_of
from ossia.base import settings
from ossia.base.database import Database, Plan, around, conditions
from ossia.base.errors import InputError

NAME = "chats.sqlite3"
MAX_TITLE = 200

_STEPS = (
    (  # 1: chats and what was said in them, found by three letters of any script
        """
        CREATE TABLE chats (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            owner TEXT NOT NULL,
            title TEXT NOT NULL,
            is_named INTEGER NOT NULL,
            created REAL NOT NULL,
            changed REAL NOT NULL,
            model TEXT NOT NULL,
            persona TEXT,
            leaf TEXT
        ) STRICT
        """,
        "CREATE INDEX chats_by_change ON chats (owner, changed, number)",
        """
        CREATE TABLE nodes (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL,
            chat INTEGER NOT NULL REFERENCES chats ON DELETE CASCADE,
            parent TEXT,
            role TEXT NOT NULL,
            created REAL NOT NULL,
            items TEXT NOT NULL, -- JSON
            meta TEXT NOT NULL, -- JSON
            words TEXT NOT NULL, -- what somebody may look for
            UNIQUE (chat, id)
        ) STRICT
        """,
        """
        CREATE VIRTUAL TABLE said USING fts5(
            words, content='nodes', content_rowid='number', tokenize='trigram'
        )
        """,
        """
        CREATE TRIGGER nodes_added AFTER INSERT ON nodes BEGIN
            INSERT INTO said (rowid, words) VALUES (new.number, new.words);
        END
        """,
        """
        CREATE TRIGGER nodes_removed AFTER DELETE ON nodes BEGIN
            INSERT INTO said (said, rowid, words) VALUES ('delete', old.number, old.words);
        END
        """,
        """
        CREATE TRIGGER nodes_changed AFTER UPDATE OF words ON nodes BEGIN
            INSERT INTO said (said, rowid, words) VALUES ('delete', old.number, old.words);
            INSERT INTO said (rowid, words) VALUES (new.number, new.words);
        END
        """,
    ),
)
PLAN = Plan("chats", _STEPS)

_HEAD = (
    "SELECT chats.id, title, is_named, created, changed, model, persona, leaf, "
    "(SELECT count(*) FROM nodes WHERE chat = chats.number), number FROM chats"
)


@dataclass(frozen=True)
class HeadPage:
    """Some of a list of chats, and whether there are more."""

    heads: list[Head]
    has_more: bool


class Chats:
    """The chats of this machine.

    Args:
        path: of the file; None keeps everything in memory.
        clock: seconds since 1970.

    Raises:
        OssiaError: the file cannot be had.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path, PLAN)
        self._clock = clock

    def close(self) -> None:
        """Ends it; everything is kept."""
        self._database.close()

    # ------------------------------------------------------------------ chats

    def create(
        self, owner: str, model: str, title: str | None = None, persona: str | None = None
    ) -> Head:
        """An empty chat; without a title it is named by the first words that are said in it."""
        now, chat_id = self._clock(), f"chat_{secrets.token_hex(8)}"
        values = (chat_id, owner, _title(title or ""), bool(title), now, now, model, persona)
        with self._database.writing() as rows:
            rows.execute(
                "INSERT INTO chats (id, owner, title, is_named, created, changed, model, persona) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            return self._head(rows, owner, chat_id)

    def heads(
        self, owner: str, query: str = "", limit: int = 50, before: str | None = None
    ) -> HeadPage:
        """Chats, the one changed last first.

        Args:
            query: words that have to be said in it, or stand in its title; of several all.
            before: the last chat of the page before this one.

        Raises:
            InputError: that chat is not there.
        """
        with self._database.reading() as rows:
            where, values = ["owner = ?"], [owner]
            if before is not None:
                last = self._head(rows, owner, before)
                number = self._number(rows, owner, before)
                where.append("(changed, number) < (?, ?)")
                values += [last.changed, number]  # type: ignore[list-item]
            wanted, words = conditions(query, "said", "words")
            if wanted:
                titled = " AND ".join(r"title LIKE ? ESCAPE '\'" for _ in query.split())
                said = f"SELECT chat FROM nodes WHERE {' AND '.join(wanted)}"
                where.append(f"(number IN ({said}) OR ({titled}))")
                values += [*words, *map(_like, query.split())]
            found = rows.execute(
                f"{_HEAD} WHERE {' AND '.join(where)} ORDER BY changed DESC, number DESC LIMIT ?",
                (*values, limit + 1),
            ).fetchall()
            heads = [
                _head(row, self._excerpt(rows, row[-1], query, wanted, words)) for row in found
            ]
        return HeadPage(heads[:limit], len(heads) > limit)

    def full_id(self, owner: str, start: str) -> str:
        """The id of the one chat whose id begins so, with or without ``chat_``.

        Raises:
            InputError: there is none, or more than one.
        """
        begin = f"chat_{start.removeprefix('chat_')}"
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT id FROM chats WHERE owner = ? AND substr(id, 1, ?) = ? LIMIT 2",
                (owner, len(begin), begin),
            ).fetchall()
        if len(found) > 1:
            raise InputError(f"several chats begin with {start!r:.40}; give more of the id")
        if not found:
            raise _missing(start)
        return str(found[0][0])

    def chat(self, owner: str, chat_id: str) -> Chat:
        """A chat with all that was said.

        Raises:
            InputError: it is not there.
        """
        with self._database.reading() as rows:
            head = self._head(rows, owner, chat_id)
            nodes = rows.execute(
                "SELECT nodes.id, parent, role, items, nodes.created, meta FROM nodes "
                "JOIN chats ON chats.number = nodes.chat WHERE chats.id = ? ORDER BY nodes.number",
                (chat_id,),
            ).fetchall()
        return Chat(head, [_node(row) for row in nodes])

    def change(
        self,
        owner: str,
        chat_id: str,
        *,
        title: str | None = None,
        leaf: str | None = None,
        model: str | None = None,
        persona: str | None = None,
    ) -> Head:
        """Changes what is given of a chat; a title of no characters lets it name itself again.

        Raises:
            InputError: it is not there, or has no such node.
        """
        with self._database.writing() as rows:
            number = self._number(rows, owner, chat_id)
            given: dict[str, Any] = {"model": model, "persona": persona, "leaf": leaf}
            if leaf is not None:
                self._node(rows, number, leaf)
            if title is not None:
                given |= {"title": _title(title) or self._own_title(rows, number)}
                given |= {"is_named": bool(title.strip())}
            for name, value in given.items():
                if value is not None:
                    rows.execute(f"UPDATE chats SET {name} = ? WHERE number = ?", (value, number))
            return self._head(rows, owner, chat_id)

    def delete(self, owner: str, chat_id: str) -> None:
        """Deletes a chat with all that was said in it.

        Raises:
            InputError: it is not there.
        """
        with self._database.writing() as rows:
            number = self._number(rows, owner, chat_id)
            rows.execute("DELETE FROM nodes WHERE chat = ?", (number,))
            rows.execute("DELETE FROM chats WHERE number = ?", (number,))
            rows.execute("INSERT INTO said (said) VALUES ('optimize')")  # only crossed out so far
        self._database.shrink()

    # ------------------------------------------------------------------ nodes

    def add(
        self,
        owner: str,
        chat_id: str,
        parent: str | None,
        role: Role,
        items: Sequence[Json],
        meta: Mapping[str, Any] | None = None,
        node_id: str | None = None,
    ) -> Node:
        """Adds what was said; the conversation has come to it then.

        An id that is there already gives the node that has it: a request that was sent twice is
        one.

        Raises:
            InputError: the chat or the parent is not there.
        """
        node_id = node_id or f"node_{secrets.token_hex(8)}"
        now = self._clock()
        with self._database.writing() as rows:
            number = self._number(rows, owner, chat_id)
            if (known := self._find(rows, number, node_id)) is not None:
                return known
            if parent is not None:
                self._node(rows, number, parent)
            rows.execute(
                "INSERT INTO nodes (id, chat, parent, role, created, items, meta, words) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(node_id, number, parent, role, now),
                    *(_text(list(items)), _text(dict(meta or {})), words_of(items)),
                ),
            )
            rows.execute(
                "UPDATE chats SET leaf = ?, changed = ? WHERE number = ?", (node_id, now, number)
            )
            self._name(rows, number)
        return Node(node_id, parent, role, list(items), now, dict(meta or {}))

    def update(
        self,
        owner: str,
        chat_id: str,
        node_id: str,
        items: Sequence[Json] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Node:
        """Puts other items in a node; of its meta, what is given is put beside what is there.

        Raises:
            InputError: the chat or the node is not there.
        """
        with self._database.writing() as rows:
            number = self._number(rows, owner, chat_id)
            old = self._node(rows, number, node_id)
            new_items = list(old.items if items is None else items)
            new_meta = {**old.meta, **(meta or {})}
            rows.execute(
                "UPDATE nodes SET items = ?, meta = ?, words = ? WHERE chat = ? AND id = ?",
                (_text(new_items), _text(new_meta), words_of(new_items), number, node_id),
            )
            rows.execute("UPDATE chats SET changed = ? WHERE number = ?", (self._clock(), number))
            self._name(rows, number)
        return Node(node_id, old.parent, old.role, new_items, old.created, new_meta)

    def put(self, owner: str, chat: Chat) -> Head:
        """Adds a whole chat, such as an exported one, under an id of its own."""
        made = self.create(owner, chat.head.model, None, chat.head.persona)
        with self._database.writing() as rows:
            number = self._number(rows, owner, made.id)
            rows.executemany(
                "INSERT INTO nodes (id, chat, parent, role, created, items, meta, words) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        *(node.id, number, node.parent, node.role, node.created),
                        *(_text(list(node.items)), _text(dict(node.meta)), words_of(node.items)),
                    )
                    for node in chat.nodes
                ],
            )
            head = chat.head
            rows.execute(
                "UPDATE chats SET title = ?, is_named = ?, created = ?, leaf = ? WHERE number = ?",
                (_title(head.title), head.is_named, head.created, head.leaf, number),
            )
            self._name(rows, number)
            return self._head(rows, owner, made.id)

    # ------------------------------------------------------------------ rows

    def _head(self, rows: sqlite3.Connection, owner: str, chat_id: str) -> Head:
        row = rows.execute(f"{_HEAD} WHERE chats.id = ? AND owner = ?", (chat_id, owner)).fetchone()
        if row is None:
            raise _missing(chat_id)
        return _head(row)

    def _number(self, rows: sqlite3.Connection, owner: str, chat_id: str) -> int:
        row = rows.execute(
            "SELECT number FROM chats WHERE id = ? AND owner = ?", (chat_id, owner)
        ).fetchone()
        if row is None:
            raise _missing(chat_id)
        return int(row[0])

    def _find(self, rows: sqlite3.Connection, chat: int, node_id: str) -> Node | None:
        row = rows.execute(
            "SELECT id, parent, role, items, created, meta FROM nodes WHERE chat = ? AND id = ?",
            (chat, node_id),
        ).fetchone()
        return None if row is None else _node(row)

    def _node(self, rows: sqlite3.Connection, chat: int, node_id: str) -> Node:
        found = self._find(rows, chat, node_id)
        if found is None:
            raise InputError(f"the chat has no node {node_id!r:.80}")
        return found

    def _own_title(self, rows: sqlite3.Connection, chat: int) -> str:
        row = rows.execute(
            "SELECT items FROM nodes WHERE chat = ? AND role = 'user' ORDER BY number LIMIT 1",
            (chat,),
        ).fetchone()
        return title_of(json.loads(row[0])) if row else ""

    def _name(self, rows: sqlite3.Connection, chat: int) -> None:
        """Names a chat that has no name yet."""
        rows.execute(
            "UPDATE chats SET title = ? WHERE number = ? AND NOT is_named AND title = ''",
            (self._own_title(rows, chat), chat),
        )

    def _excerpt(
        self,
        rows: sqlite3.Connection,
        chat: int,
        query: str,
        wanted: Sequence[str],
        values: Sequence[str],
    ) -> str | None:
        if not wanted:
            return None
        found = rows.execute(
            f"SELECT words FROM nodes WHERE chat = ? AND {' AND '.join(wanted)} "
            "ORDER BY number DESC LIMIT 1",
            (chat, *values),
        ).fetchone()
        return around(found[0], query) if found else None


def open_chats() -> Chats:
    """The chats of this machine's user.

    Raises:
        OssiaError: they cannot be opened.
    """
    return Chats(settings.home() / NAME)


def _head(row: tuple[Any, ...], excerpt: str | None = None) -> Head:
    chat_id, title, is_named, created, changed, model, persona, leaf, num_nodes, _ = row
    return Head(
        *(chat_id, title, bool(is_named), created, changed, model, persona, leaf, num_nodes),
        excerpt,
    )


def _node(row: tuple[Any, ...]) -> Node:
    node_id, parent, role, items, created, meta = row
    return Node(node_id, parent, role, json.loads(items), created, json.loads(meta))


def _title(text: str) -> str:
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())[:MAX_TITLE]


def _like(word: str) -> str:
    escaped = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


def _text(value: Any) -> str:
    # Escaped, so that half a surrogate pair, which is no UTF-8, also survives.
    return json.dumps(value, separators=(",", ":"))


def _missing(chat_id: str) -> InputError:
    return InputError(f"no chat {chat_id!r:.80}; ossia chats lists them")
