"""The messages of a conversation, as harmony has them. Knows no token and no model."""

from dataclasses import dataclass
from enum import StrEnum

IDENTITY = "You are ChatGPT, a large language model trained by OpenAI."
"""The first line of the system message that gpt-oss was trained with."""


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
class System:
    """What the model is and when; not the place for a user's instructions (see Developer).

    Attributes:
        current_date: YYYY-MM-DD, or None to leave the line out.
    """

    effort: Effort = Effort.MEDIUM
    current_date: str | None = None
    identity: str = IDENTITY
    knowledge_cutoff: str = "2024-06"


@dataclass(frozen=True)
class Developer:
    """Instructions for the whole conversation: what other formats call the system prompt."""

    instructions: str


@dataclass(frozen=True)
class User:
    """What the user said."""

    text: str


@dataclass(frozen=True)
class Assistant:
    """What the model said on one channel."""

    text: str
    channel: Channel = Channel.FINAL


Message = System | Developer | User | Assistant
