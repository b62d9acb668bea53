"""The harmony chat format: messages to token ids and back. Knows nothing of engines."""

from ossia.harmony.messages import (
    Assistant,
    Channel,
    Developer,
    Effort,
    Message,
    Namespace,
    ResponseFormat,
    Role,
    System,
    Tool,
    ToolResult,
    User,
)
from ossia.harmony.parse import Delta, ParsedMessage, Parser
from ossia.harmony.render import render
from ossia.harmony.repair import Repair
from ossia.harmony.special import check_vocabulary, stop_token_ids
from ossia.harmony.tool_names import ToolNames

__all__ = [
    "Assistant",
    "Channel",
    "Delta",
    "Developer",
    "Effort",
    "Message",
    "Namespace",
    "ParsedMessage",
    "Parser",
    "Repair",
    "ResponseFormat",
    "Role",
    "System",
    "Tool",
    "ToolNames",
    "ToolResult",
    "User",
    "check_vocabulary",
    "render",
    "stop_token_ids",
]
