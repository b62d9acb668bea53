"""A chat: a tree whose every path is a conversation. Pure; knows no files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Role = Literal["user", "assistant"]

MAX_TITLE = 60
"""Characters of a title that a chat gives itself."""

_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
"""Kinds of parts that say something, and the field of each that is text."""


@dataclass(frozen=True)
class Node:
    """What one side said at one point.

    Attributes:
        parent: the node that it answers; None of a beginning.
        items: of OpenAI's Responses.
        created: seconds since 1970.
        meta: more about it, which faces understand.
    """

    id: str
    parent: str | None
    role: Role
    items: Sequence[Json]
    created: float
    meta: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> Json:
        """The node as plain JSON types."""
        return {
            "id": self.id,
            "parent": self.parent,
            "role": self.role,
            "items": list(self.items),
            "created": self.created,
            "meta": dict(self.meta),
        }


@dataclass(frozen=True)
class Head:
    """A chat without what was said in it.

    Attributes:
        is_named: whether the user named it; else its first words do.
        persona: whose instructions and settings it has; None is nobody's.
        leaf: the node that the conversation has come to; None of an empty chat.
        excerpt: where a search found it, what stands around the words.
    """

    id: str
    title: str
    is_named: bool
    created: float
    changed: float
    model: str
    persona: str | None
    leaf: str | None
    num_nodes: int
    excerpt: str | None = None

    def to_json(self) -> Json:
        """The head as plain JSON types."""
        return {
            "id": self.id,
            "title": self.title,
            "is_named": self.is_named,
            "created": self.created,
            "changed": self.changed,
            "model": self.model,
            "persona": self.persona,
            "leaf": self.leaf,
            "num_nodes": self.num_nodes,
            "excerpt": self.excerpt,
        }


@dataclass(frozen=True)
class Chat:
    """A chat with all that was said; parents come before children."""

    head: Head
    nodes: Sequence[Node]

    def path(self, leaf: str | None = None) -> list[Node]:
        """The conversation up to a node, by default to where it has come."""
        by_id = {node.id: node for node in self.nodes}
        path: list[Node] = []
        place = self.head.leaf if leaf is None else leaf
        while place is not None and place in by_id:
            path.append(by_id[place])
            place = by_id[place].parent
        return path[::-1]

    def children(self, parent: str | None) -> list[Node]:
        """What was said in answer to a node, in order of time: more than one are branches."""
        return [node for node in self.nodes if node.parent == parent]

    def end(self, node: str) -> str:
        """The last node of the newest branch that begins with a node."""
        while below := self.children(node):
            node = below[-1].id
        return node

    def to_json(self) -> Json:
        """The chat as plain JSON types."""
        return self.head.to_json() | {"nodes": [node.to_json() for node in self.nodes]}


def words_of(items: Sequence[Json]) -> str:
    """What is said between the user and the model: that which somebody may look for."""
    text = "\n".join(text for item in items for text in _texts(item))
    return text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no UTF-8


def title_of(items: Sequence[Json]) -> str:
    """What a chat that begins so is called: its first words, whole as far as they go."""
    text = " ".join(words_of(items).split())
    if len(text) <= MAX_TITLE:
        return text
    cut = text.rfind(" ", MAX_TITLE // 2, MAX_TITLE)
    return f"{text[: cut if cut > 0 else MAX_TITLE - 1]}…"


def _texts(item: Json) -> list[str]:
    if item.get("type", "message") != "message":
        return []
    content = item.get("content")
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    fields = [
        (part, _TEXTS.get(str(part.get("type")), "")) for part in parts if isinstance(part, dict)
    ]
    texts = [part.get(field) for part, field in fields]
    return [text for text in texts if isinstance(text, str)]
