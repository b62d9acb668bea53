"""What every tool is: how the model is told of it, what a call may do, and what comes back.

A tool belongs to one conversation, whose state it keeps (pages that are open, variables). Knows
neither who calls it nor whether it may: it says what a call is about to do, and others decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from ossia.harmony import Namespace
from ossia.harmony import Tool as Function


class Deed(StrEnum):
    """What a call does, as far as somebody may want to be asked."""

    COMPUTE = "compute"  # runs code, within the sandbox
    READ = "read"  # reads what the user laid open: an index, a folder
    FETCH = "fetch"  # asks another machine; target is its host
    WRITE = "write"  # changes files; target is the folder
    CALL = "call"  # calls somebody else's program; target is its name


@dataclass(frozen=True)
class Call:
    """What the model says to a tool.

    Attributes:
        recipient: as it named it, such as ``python``, ``browser.open``, ``functions.apply_patch``.
        text: raw code, or arguments as JSON: whatever the model wrote.
    """

    recipient: str
    text: str


@dataclass(frozen=True)
class Action:
    """What a call is about to do, for whoever decides whether it may.

    Attributes:
        tool: name of the tool (``Tool.name``).
        target: host, folder or program, as the deed has it; "" where there is only one.
        summary: one line for people, such as ``open https://example.org/``.
        detail: what is looked at before it is allowed: the code, the diff.
    """

    tool: str
    deed: Deed
    target: str = ""
    summary: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture that a tool made."""

    media_type: str
    data: bytes


@dataclass(frozen=True)
class Page:
    """What a tool showed under a cursor, for the citations that name it.

    Attributes:
        cursor: its number in this conversation.
        lines: of the whole page, as numbered for the model.
        links: where its links ``【0†...】`` lead.
    """

    cursor: int
    url: str
    title: str
    lines: tuple[str, ...]
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What came of a call.

    Attributes:
        text: what the model reads. It is data: rendered so that it cannot become a control token.
        is_error: whether the call did not do what it was to.
        pictures: what people see beside the text.
        pages: those that the call showed.
        details: more about it, as plain JSON types, for faces that show it: a diff, files.
    """

    text: str
    is_error: bool = False
    pictures: tuple[Picture, ...] = ()
    pages: tuple[Page, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


class Tool(Protocol):
    """A tool of one conversation."""

    @property
    def name(self) -> str:
        """What people and policies call it: ``browser``, ``python``, ``patch``, ``mcp:files``."""

    @property
    def namespaces(self) -> Sequence[Namespace]:
        """What the system message says of it: the namespaces that the model was trained with."""

    @property
    def functions(self) -> Sequence[Function]:
        """What the developer message says of it: functions, by the names they have outside."""

    def action(self, call: Call) -> Action:
        """What a call would do. Says so of any call, a senseless one too, and does nothing."""

    async def call(self, call: Call) -> Result:
        """Does it. Model output is data: a senseless call gives a ``Result`` that says so.

        Cancelling the task that waits ends whatever runs, at once.

        Raises:
            OssiaError: the tool itself is broken; the conversation can go on without it.
        """

    async def close(self) -> None:
        """Ends what still runs and removes what is only the conversation's. May come twice."""
