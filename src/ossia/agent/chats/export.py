"""A chat as a file: JSON with all of its branches, or Markdown of the conversation as it stands.

Knows both forms; knows no database. Files come from anywhere: each is checked value by value.
"""

import json
from datetime import UTC, datetime
from typing import Any

from ossia.agent.chats.chat import Chat, Head, Json, Node, words_of
from ossia.base.errors import InputError

_FORMAT, _VERSION = "ossia-chat-tree", 1
MAX_NODES = 100_000


def as_document(chat: Chat) -> Json:
    """All of a chat, from which it can be made again."""
    told = chat.to_json()
    del told["num_nodes"], told["excerpt"]
    return {"format": _FORMAT, "version": _VERSION, **told}


def from_document(document: Any) -> Chat:
    """The chat that was exported so.

    Raises:
        InputError: it is none, or of another version.
    """
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise InputError("this is no chat that ossia exported")
    if document.get("version") != _VERSION:
        raise InputError(
            f"the chat has version {document.get('version')!r:.20}; this ossia reads {_VERSION}"
        )
    nodes = document.get("nodes")
    if not isinstance(nodes, list) or len(nodes) > MAX_NODES:
        raise InputError(f"nodes: expected a list of at most {MAX_NODES:,}")
    read: dict[str, Node] = {}
    for index, value in enumerate(nodes):
        node = _node(value, f"nodes[{index}]", read)
        read[node.id] = node
    leaf = _text(document, "leaf", "the chat", is_optional=True)
    if leaf is not None and leaf not in read:
        raise InputError("leaf: no node has that id")
    now = _time(document, "created", "the chat")
    head = Head(
        id="",
        title=_text(document, "title", "the chat") or "",
        is_named=document.get("is_named") is True,
        created=now,
        changed=now,
        model=_text(document, "model", "the chat") or "",
        persona=_text(document, "persona", "the chat", is_optional=True),
        leaf=leaf,
        num_nodes=len(read),
    )
    return Chat(head, list(read.values()))


def as_markdown(chat: Chat) -> str:
    """The conversation as people read it, without reasoning and calls."""
    day = datetime.fromtimestamp(chat.head.created, UTC).date().isoformat()
    parts = [f"# {chat.head.title or 'Untitled'}", f"{chat.head.model}, {day}"]
    for node in chat.path():
        if words := words_of(node.items).strip():
            parts += [f"## {'You' if node.role == 'user' else chat.head.model}", words]
    return "\n\n".join(parts) + "\n"


def _node(value: Any, where: str, before: dict[str, Node]) -> Node:
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected an object")
    node_id, parent = _text(value, "id", where), _text(value, "parent", where, is_optional=True)
    role, items, meta = value.get("role"), value.get("items"), value.get("meta", {})
    if not node_id or node_id in before:
        raise InputError(f"{where}.id: expected an id that no other node has")
    if parent is not None and parent not in before:
        raise InputError(f"{where}.parent: no node before it has that id")
    if role not in ("user", "assistant"):
        raise InputError(f"{where}.role: expected user or assistant")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InputError(f"{where}.items: expected a list of objects")
    if not isinstance(meta, dict):
        raise InputError(f"{where}.meta: expected an object")
    return Node(node_id, parent, role, items, _time(value, "created", where), meta)


def _text(value: Json, name: str, where: str, *, is_optional: bool = False) -> str | None:
    found = value.get(name)
    if isinstance(found, str) or (is_optional and found is None):
        return found
    raise InputError(f"{where}: expected {name} to be text; found {json.dumps(found)[:40]}")


def _time(value: Json, name: str, where: str) -> float:
    found = value.get(name)
    if isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found < 1e11:
        return float(found)
    raise InputError(f"{where}: expected {name} to be seconds since 1970")
