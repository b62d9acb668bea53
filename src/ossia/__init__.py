"""ossia runs OpenAI's open-weight gpt-oss models on the reader's own machine.

    >>> import ossia
    >>> model = ossia.load("nano")
    >>> print(model.chat("What is 27 + 58?", seed=1))
    27 + 58 = 85

Importing this package imports no room: each is loaded when it is named.
"""

from typing import TYPE_CHECKING, Any

from ossia.base.version import VERSION

if TYPE_CHECKING:
    from ossia.api import Call as Call
    from ossia.api import Completion as Completion
    from ossia.api import Model as Model
    from ossia.api import Options as Options
    from ossia.api import Reply as Reply
    from ossia.api import ScoredText as ScoredText
    from ossia.api import Talk as Talk
    from ossia.api import load as load
    from ossia.api import tool as tool
    from ossia.base.errors import BusyError as BusyError
    from ossia.base.errors import ContextError as ContextError
    from ossia.base.errors import InputError as InputError
    from ossia.base.errors import OssiaError as OssiaError
    from ossia.chat import Citation as Citation
    from ossia.chat import Done as Done
    from ossia.chat import Failed as Failed
    from ossia.chat import Prefill as Prefill
    from ossia.chat import Reason as Reason
    from ossia.chat import Reasoning as Reasoning
    from ossia.chat import Text as Text
    from ossia.chat import ToolCall as ToolCall
    from ossia.harmony import Assistant as Assistant
    from ossia.harmony import Developer as Developer
    from ossia.harmony import System as System
    from ossia.harmony import Tool as Tool
    from ossia.harmony import ToolResult as ToolResult
    from ossia.harmony import User as User


__version__ = VERSION

_ROOMS = {
    "ossia.api": (
        "Call",
        "Completion",
        "Model",
        "Options",
        "Reply",
        "ScoredText",
        "Talk",
        "load",
        "tool",
    ),
    "ossia.base.errors": ("BusyError", "ContextError", "InputError", "OssiaError"),
    "ossia.chat": (
        "Citation",
        "Done",
        "Failed",
        "Prefill",
        "Reason",
        "Reasoning",
        "Text",
        "ToolCall",
    ),
    "ossia.harmony": ("Assistant", "Developer", "System", "Tool", "ToolResult", "User"),
}
"""Where the names that scripts use are at home."""


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for room, names in _ROOMS.items():
        if name in names:
            return getattr(import_module(room), name)
    raise AttributeError(f"module 'ossia' has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["__version__", *(name for names in _ROOMS.values() for name in names)]
