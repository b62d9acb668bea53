"""Conversation in, events out: the one place where the parts below are put together.

Knows messages and models; knows nothing of wire formats or terminals.
"""

from ossia.chat.events import (
    Done,
    Event,
    Failed,
    Prefill,
    Reasoning,
    Text,
    Timings,
    ToolCall,
    Usage,
)
from ossia.chat.model import ChatModel, Settings

__all__ = [
    "ChatModel",
    "Done",
    "Event",
    "Failed",
    "Prefill",
    "Reasoning",
    "Settings",
    "Text",
    "Timings",
    "ToolCall",
    "Usage",
]
