"""The messages of a conversation, as harmony has them. Knows no token and no model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ossia.base.errors import ConversationError

IDENTITY = "You are ChatGPT, a large language model trained by OpenAI."
"""The first line of the system message that gpt-oss was trained with."""

FUNCTIONS = "functions"
"""The namespace of the tools that a conversation brings with it."""

_NAME = re.compile(r"[\w.:/-]+")


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Channel(StrEnum):
    """Where an assistant's message goes: its own reasoning, tools and preambles, the user."""

    ANALYSIS = "analysis"
    COMMENTARY = "commentary"
    FINAL = "final"


class Effort(StrEnum):
    """How long the model is to reason."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True)
class Tool:
    """A function that the model may call.

    Attributes:
        name: on the wire, without its namespace (see ``ToolNames``).
        parameters: the JSON Schema of its arguments; None where it takes none.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        _check_name(self.name, "a tool")


@dataclass(frozen=True)
class Namespace:
    """Tools under one name, or one tool without functions that is called by that name.

    Attributes:
        description: shown as comments before functions, and as it is where there are none.
    """

    name: str
    description: str = ""
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True)
class ResponseFormat:
    """The form of the final answer, as a JSON Schema that the model is shown."""

    name: str
    schema: Mapping[str, Any]
    description: str = ""


@dataclass(frozen=True)
class System:
    """What the model is and when; not the place for a user's instructions (see Developer).

    Attributes:
        current_date: YYYY-MM-DD, or None to leave the line out.
        tools: those that the model was trained with (``BROWSER``, ``PYTHON``).
    """

    effort: Effort = Effort.MEDIUM
    current_date: str | None = None
    identity: str = IDENTITY
    knowledge_cutoff: str = "2024-06"
    tools: tuple[Namespace, ...] = ()


@dataclass(frozen=True)
class Developer:
    """Instructions for the whole conversation: what other formats call the system prompt.

    Attributes:
        tools: functions of the namespace ``functions``.
    """

    instructions: str | None = None
    tools: tuple[Tool, ...] = ()
    response_format: ResponseFormat | None = None


@dataclass(frozen=True)
class User:
    """What the user said."""

    text: str


@dataclass(frozen=True)
class Assistant:
    """What the model said on one channel, or to a tool.

    Attributes:
        recipient: the tool that it calls, such as ``functions.get_weather``.
        content_type: the form of the text, such as ``json``.

    Raises:
        ConversationError: the recipient is no name.
    """

    text: str
    channel: Channel = Channel.FINAL
    recipient: str | None = None
    content_type: str | None = None

    def __post_init__(self) -> None:
        if self.recipient is not None:
            _check_name(self.recipient, "a recipient")


@dataclass(frozen=True)
class ToolResult:
    """What a tool answered.

    Attributes:
        name: the recipient of the call, such as ``functions.get_weather``.
        channel: that of the call.

    Raises:
        ConversationError: the name is none.
    """

    name: str
    text: str
    channel: Channel = Channel.COMMENTARY

    def __post_init__(self) -> None:
        _check_name(self.name, "a tool")


Message = System | Developer | User | Assistant | ToolResult


def _check_name(name: str, what: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConversationError(
            f"{name!r:.60} cannot be the name of {what}; expected letters, digits and _.:/- "
            "(ossia.harmony.ToolNames mends any name)"
        )
