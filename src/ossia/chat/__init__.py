"""Conversation in, events out: the one place where the parts below are put together.

Knows messages and models; knows nothing of wire formats or terminals.
"""

from ossia.chat.demands import Demands, NamedTool, ToolChoice
from ossia.chat.events import (
    Citation,
    Done,
    Event,
    Failed,
    Prefill,
    Reason,
    Reasoning,
    ScoredToken,
    Text,
    Timings,
    ToolCall,
    Usage,
)
from ossia.chat.model import ChatModel, Settings, Terms

__all__ = [
    "ChatModel",
    "Citation",
    "Demands",
    "Done",
    "Event",
    "Failed",
    "NamedTool",
    "Prefill",
    "Reason",
    "Reasoning",
    "ScoredToken",
    "Settings",
    "Terms",
    "Text",
    "Timings",
    "ToolCall",
    "ToolChoice",
    "Usage",
]
