"""Responses and conversations with their items: added, found, listed, deleted, forgotten in time.

Knows whose they are: nobody sees another's. All methods may be called from any thread.
"""

import json
import secrets
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Literal

from ossia.server.store.database import Database, Limits
from ossia.server.store.search import INDEXED, Hit, compact, find

Json = dict[str, Any]
Place = Literal["responses", "conversations"]

PRUNE_SECONDS = 600.0
"""How often what is too old or too much is looked for."""


@dataclass(frozen=True)
class StoredResponse:
    """A response as it was kept.

    Attributes:
        is_open: whether somebody makes it still.
        inputs: its own items, without those of the responses before it.
    """

    body: Json
    is_open: bool
    inputs: list[Json]


@dataclass(frozen=True)
class Page:
    """Some of a list of items, and whether there are more."""

    items: list[Json]
    has_more: bool


class Store:
    """What a server keeps.

    Args:
        folder: where; None keeps everything in memory, until the process ends.
        limits: how much.
        words: what somebody may look for in an item.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        folder: Path | None,
        limits: Limits | None = None,
        words: Callable[[Json], str] = lambda _: "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = Database(folder)
        self._limits, self._words, self._clock = limits or Limits(), words, clock
        self._next_prune = 0.0

    @property
    def folder(self) -> Path | None:
        """Where it is; None in memory."""
        return self._database.folder

    def close(self) -> None:
        """Ends it; everything is kept."""
        self._database.close()

    # ------------------------------------------------------------------ responses

    def begin(self, owner: str, body: Json, inputs: Sequence[Json]) -> None:
        """Keeps a response that is being made."""
        previous = body.get("previous_response_id")
        with self._database.writing() as rows:
            chain = rows.execute("SELECT chain FROM responses WHERE id = ?", (previous,)).fetchone()
            rows.execute(
                "INSERT INTO responses (id, owner, created_at, chain, previous, conversation, "
                "process, num_inputs, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(body["id"], owner, int(self._clock())),
                    *(chain[0] if chain else body["id"], previous),
                    (body.get("conversation") or {}).get("id"),
                    *(self._database.process.own, len(inputs), _text(body)),
                ),
            )
            self._add(rows, body["id"], owner, inputs)
        self._prune_at_times()

    def finish(
        self, owner: str, body: Json, events: Sequence[Json], raw: Json | None = None
    ) -> None:
        """Keeps how a response came out, unless it was deleted meanwhile.

        Args:
            events: its stream; empty where it was lost.
            raw: its tokens.
        """
        kept = {key: value for key, value in body.items() if key != "output"}
        told = zlib.compress("\n".join(map(_text, events)).encode()) if events else None
        tokens = zlib.compress(_text(raw).encode()) if raw else None
        with self._database.writing() as rows:
            done = rows.execute(
                "UPDATE responses SET body = ?, events = ?, raw = ?, process = NULL "
                "WHERE id = ? AND owner = ?",
                (_text(kept), told, tokens, body["id"], owner),
            )
            if done.rowcount:
                self._add(rows, body["id"], owner, body["output"])

    def response(self, owner: str, response_id: str) -> StoredResponse | None:
        """A response with its output."""
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT body, process, num_inputs FROM responses WHERE id = ? AND owner = ?",
                (response_id, owner),
            ).fetchone()
            if row is None:
                return None
            items = _items(rows, response_id)
        body: Json = json.loads(row[0])
        return StoredResponse(
            body | {"output": items[row[2] :]}, row[1] is not None, items[: row[2]]
        )

    def events(self, owner: str, response_id: str) -> list[Json] | None:
        """The events of a response's stream; None where none were kept."""
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT events FROM responses WHERE id = ? AND owner = ?", (response_id, owner)
            ).fetchone()
        if row is None or row[0] is None:
            return None
        return [json.loads(line) for line in zlib.decompress(row[0]).decode().split("\n")]

    def raw(self, owner: str, response_id: str) -> Json | None:
        """The tokens of a response; None where none were kept."""
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT raw FROM responses WHERE id = ? AND owner = ?", (response_id, owner)
            ).fetchone()
        if row is None or row[0] is None:
            return None
        found: Json = json.loads(zlib.decompress(row[0]))
        return found

    def history(self, owner: str, response_id: str) -> list[Json] | None:
        """All that was said up to the end of a response, by it and those it goes on from.

        None where it or one of those is not kept.
        """
        with self._database.reading() as rows:
            turns = _chain(rows, owner, response_id)
            if turns is None:
                return None
            return [item for turn in turns for item in _items(rows, turn)]

    def inputs(self, owner: str, response_id: str) -> list[Json] | None:
        """All that a response answered, with those it goes on from and their answers."""
        with self._database.reading() as rows:
            turns = _chain(rows, owner, response_id)
            if turns is None:
                return None
            items = [item for turn in turns for item in _items(rows, turn)]
            [(num_own, num_inputs)] = rows.execute(
                "SELECT (SELECT count(*) FROM items WHERE place = responses.id), num_inputs "
                "FROM responses WHERE id = ?",
                (response_id,),
            )
            return items[: len(items) - (num_own - num_inputs)]

    def orphans(self) -> list[tuple[str, Json]]:
        """Responses, with their owners, that a process began which is no more."""
        with self._database.reading() as rows:
            open_ones = rows.execute(
                "SELECT owner, process, body FROM responses WHERE process IS NOT NULL"
            ).fetchall()
        dead = {process for _, process, _ in open_ones}
        dead = {process for process in dead if not self._database.process.is_alive(process)}
        return [(owner, json.loads(body)) for owner, process, body in open_ones if process in dead]

    # ------------------------------------------------------------------ conversations

    def add_conversation(self, owner: str, metadata: Json, items: Sequence[Json] = ()) -> Json:
        """A new conversation, which begins with items."""
        made, now = f"conv_{secrets.token_hex(24)}", int(self._clock())
        with self._database.writing() as rows:
            rows.execute(
                "INSERT INTO conversations VALUES (?, ?, ?, ?, ?)",
                (made, owner, now, now, _text(metadata)),
            )
            self._add(rows, made, owner, items)
        self._prune_at_times()
        return _conversation(made, now, metadata)

    def conversation(self, owner: str, conversation_id: str) -> Json | None:
        """A conversation without its items."""
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT id, created_at, metadata FROM conversations WHERE id = ? AND owner = ?",
                (conversation_id, owner),
            ).fetchone()
        return _conversation(row[0], row[1], json.loads(row[2])) if row else None

    def describe(self, owner: str, conversation_id: str, metadata: Json) -> bool:
        """Gives a conversation other metadata; False where there is none."""
        with self._database.writing() as rows:
            done = rows.execute(
                "UPDATE conversations SET metadata = ? WHERE id = ? AND owner = ?",
                (_text(metadata), conversation_id, owner),
            )
            return bool(done.rowcount)

    def say(self, owner: str, conversation_id: str, items: Sequence[Json]) -> bool:
        """Adds items to a conversation's end; False where there is none."""
        with self._database.writing() as rows:
            done = rows.execute(
                "UPDATE conversations SET changed_at = ? WHERE id = ? AND owner = ?",
                (int(self._clock()), conversation_id, owner),
            )
            if done.rowcount:
                self._add(rows, conversation_id, owner, items)
            return bool(done.rowcount)

    def remove_item(self, owner: str, conversation_id: str, item_id: str) -> bool:
        """Takes an item out of a conversation; False where there is none."""
        with self._database.writing() as rows:
            done = rows.execute(
                "DELETE FROM items WHERE place = ? AND owner = ? AND id = ?",
                (conversation_id, owner, item_id),
            )
            return bool(done.rowcount)

    # ------------------------------------------------------------------ of both

    def items(self, owner: str, place: str) -> list[Json]:
        """All items of a conversation, or a response's own."""
        with self._database.reading() as rows:
            return _items(rows, place, owner)

    def page(
        self, owner: str, place: str, limit: int, after: str | None, *, is_descending: bool
    ) -> Page | None:
        """Some items; None where there is no item ``after``."""
        with self._database.reading() as rows:
            condition, values = "", [place, owner]
            if after is not None:
                row = rows.execute(
                    "SELECT position FROM items WHERE place = ? AND owner = ? AND id = ?",
                    (place, owner, after),
                ).fetchone()
                if row is None:
                    return None
                condition = f"AND position {'<' if is_descending else '>'} ?"
                values.append(row[0])
            found = rows.execute(
                f"SELECT body FROM items WHERE place = ? AND owner = ? {condition} "
                f"ORDER BY position {'DESC' if is_descending else 'ASC'} LIMIT ?",
                (*values, limit + 1),
            ).fetchall()
        return Page([json.loads(body) for (body,) in found[:limit]], len(found) > limit)

    def item(self, owner: str, item_id: str, place: str | None = None) -> Json | None:
        """An item by its id, of one place or wherever it was said last."""
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT body FROM items WHERE id = ? AND owner = ? AND place = ifnull(?, place) "
                "ORDER BY number DESC LIMIT 1",
                (item_id, owner, place),
            ).fetchone()
        found: Json | None = json.loads(row[0]) if row else None
        return found

    def delete(self, owner: str, place: Place, place_id: str) -> bool:
        """Deletes a response or a conversation with all in it; False where there is none."""
        with self._database.writing() as rows:
            done = rows.execute(
                f"DELETE FROM {place} WHERE id = ? AND owner = ?", (place_id, owner)
            )
            if done.rowcount:
                rows.execute("DELETE FROM items WHERE place = ?", (place_id,))
            return bool(done.rowcount)

    def search(self, owner: str, query: str, limit: int = 50) -> list[Hit]:
        """What was said with all words of a query in it, latest first."""
        with self._database.reading() as rows:
            return find(rows, owner, query, limit)

    # ------------------------------------------------------------------ what goes in time

    def prune(self) -> int:
        """Forgets what is too old or too much; how many responses and conversations went."""
        num_gone = 0
        with self._database.writing() as rows:
            oldest = self._clock() - self._limits.max_age
            old = rows.execute(
                "SELECT chain FROM responses GROUP BY chain "
                "HAVING max(created_at) < ? AND count(process) = 0",
                (oldest,),
            ).fetchall()
            for (chain,) in old:
                num_gone += _forget_chain(rows, chain)
        num_gone += self._make_room()
        if num_gone:
            self._database.shrink()
        return num_gone

    def _make_room(self) -> int:
        """Forgets the oldest until the rest is within the limit, and a little more at once."""
        num_gone = 0
        most = self._limits.max_bytes
        if self._database.num_bytes() > most:
            compact(self._database)
        while (excess := self._database.num_bytes() - most) > 0:
            excess += most // 20
            while excess > 0:
                with self._database.writing() as rows:
                    num, size = _forget_oldest(rows)
                if not num:
                    return num_gone
                num_gone, excess = num_gone + num, excess - size
            compact(self._database)
        return num_gone

    def _prune_at_times(self) -> None:
        if self._clock() >= self._next_prune:
            self._next_prune = self._clock() + PRUNE_SECONDS
            self.prune()

    def _add(self, rows: Connection, place: str, owner: str, items: Sequence[Json]) -> None:
        [(first,)] = rows.execute(
            "SELECT ifnull(max(position) + 1, 0) FROM items WHERE place = ?", (place,)
        )
        rows.executemany(
            "INSERT INTO items (place, owner, position, id, body, words) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (place, owner, position, item["id"], _text(item), self._words(item))
                for position, item in enumerate(items, start=first)
            ],
        )


def _conversation(conversation_id: str, created_at: int, metadata: Json) -> Json:
    return {"id": conversation_id, "created_at": created_at, "metadata": metadata}


def _items(rows: Connection, place: str, owner: str | None = None) -> list[Json]:
    found = rows.execute(
        "SELECT body FROM items WHERE place = ? AND owner = ifnull(?, owner) ORDER BY position",
        (place, owner),
    )
    return [json.loads(body) for (body,) in found]


def _chain(rows: Connection, owner: str, response_id: str) -> list[str] | None:
    """A response and those it goes on from, first to last; None where one of them is gone."""
    turns: list[str] = []
    current: str | None = response_id
    while current is not None:
        row = rows.execute(
            "SELECT previous FROM responses WHERE id = ? AND owner = ?", (current, owner)
        ).fetchone()
        if row is None:
            return None
        turns.append(current)
        current = row[0]
    return turns[::-1]


def _forget_chain(rows: Connection, chain: str) -> int:
    """Removes responses that go on from one another, for without its beginning none goes on."""
    rows.execute(
        "DELETE FROM items WHERE place IN (SELECT id FROM responses WHERE chain = ?)", (chain,)
    )
    return rows.execute("DELETE FROM responses WHERE chain = ?", (chain,)).rowcount


def _forget_oldest(rows: Connection) -> tuple[int, int]:
    """Removes what nobody added to for longest: responses first, then conversations.

    Gives how many went, and about how many bytes they were.
    """
    row = rows.execute(
        "SELECT chain FROM responses GROUP BY chain HAVING count(process) = 0 "
        "ORDER BY max(created_at), max(rowid) LIMIT 1"
    ).fetchone()
    if row is not None:
        size = (
            "ifnull(sum(length(CAST(body AS BLOB)) + ifnull(length(events), 0) "
            "+ ifnull(length(raw), 0)), 0)"
        )
        [(of_bodies,)] = rows.execute(f"SELECT {size} FROM responses WHERE chain = ?", row)
        places = "SELECT id FROM responses WHERE chain = ?"
        of_items = _num_bytes_said(rows, places, row[0])
        return _forget_chain(rows, row[0]), of_bodies + of_items
    row = rows.execute("SELECT id FROM conversations ORDER BY changed_at, rowid LIMIT 1").fetchone()
    if row is None:
        return 0, 0
    of_items = _num_bytes_said(rows, "?", row[0])
    rows.execute("DELETE FROM items WHERE place = ?", row)
    return rows.execute("DELETE FROM conversations WHERE id = ?", row).rowcount, of_items


def _num_bytes_said(rows: Connection, places: str, value: str) -> int:
    """Bytes of all items in some places; rather too many, so that no more goes than has to."""
    size = f"length(CAST(body AS BLOB)) + {1 + INDEXED} * length(CAST(words AS BLOB))"
    [(num,)] = rows.execute(
        f"SELECT ifnull(sum({size}), 0) FROM items WHERE place IN ({places})", (value,)
    )
    return int(num)


def _text(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
