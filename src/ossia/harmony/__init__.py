"""The harmony chat format: messages to token ids. Knows nothing of engines."""

from ossia.harmony.messages import (
    Assistant,
    Channel,
    Developer,
    Effort,
    Message,
    Role,
    System,
    User,
)
from ossia.harmony.render import render
from ossia.harmony.special import stop_token_ids

__all__ = [
    "Assistant",
    "Channel",
    "Developer",
    "Effort",
    "Message",
    "Role",
    "System",
    "User",
    "render",
    "stop_token_ids",
]
