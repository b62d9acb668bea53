"""What was said, in whatever way a script has it, to harmony's messages.

Knows harmony's messages, what a model said, and dicts in the spelling of OpenAI's chat API.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ossia.base.errors import InputError
from ossia.harmony import (
    Assistant,
    Channel,
    Developer,
    Message,
    ParsedMessage,
    System,
    Tool,
    ToolResult,
    User,
)
from ossia.harmony.messages import FUNCTIONS

Said = str | Sequence[Message | ParsedMessage | Mapping[str, Any]]
"""One question, or a conversation: harmony's messages, those of a ``Reply``, or dicts as OpenAI's
chat API has them."""

_Json = Mapping[str, Any]
_MESSAGES = (System, Developer, User, Assistant, ToolResult)
_KEYS = {
    "system": {"content"},
    "developer": {"content"},
    "user": {"content"},
    "assistant": {"content", "reasoning", "reasoning_content", "tool_calls"},
    "tool": {"content", "tool_call_id", "name"},
}


def read_conversation(said: Said) -> list[Message]:
    """The messages of a conversation.

    Raises:
        InputError: something in it is no message, or says what a gpt-oss cannot be shown.
    """
    if isinstance(said, str):
        return [User(said)]
    if isinstance(said, Mapping | bytes) or not isinstance(said, Sequence):
        raise InputError(f"{said!r:.60} is no conversation; expected text or a list of messages")
    if not said:
        raise InputError("there is no message to answer")
    messages: list[Message] = []
    callers: dict[str, str] = {}  # the name of the function that a call's id belongs to
    for message in said:
        messages += _read(message, callers)
    return messages


def as_message(said: ParsedMessage) -> Assistant:
    """What a model said, as it is shown to it again."""
    return Assistant(said.text, said.channel, said.recipient, said.content_type)


def tool_of(document: _Json) -> Tool:
    """A tool as OpenAI's APIs describe it.

    Raises:
        InputError: it is no function, or has no name.
    """
    function = document.get("function", document)
    parameters = function.get("parameters") if isinstance(function, Mapping) else None
    match function:
        case {"name": str(name)} if document.get("type") == "function":
            about = function.get("description") or ""
            if isinstance(about, str) and isinstance(parameters, Mapping | None):
                return Tool(name, about, parameters)
    raise InputError(
        f"{document!r:.80} is no tool; expected a function, or {{'type': 'function', "
        "'function': {'name': ..., 'parameters': ...}}"
    )


def _read(message: Any, callers: dict[str, str]) -> Iterator[Message]:
    if isinstance(message, _MESSAGES):
        yield message
        return
    if isinstance(message, ParsedMessage):
        yield as_message(message)
        return
    role = message.get("role") if isinstance(message, Mapping) else None
    known = _KEYS.get(role) if isinstance(role, str) else None
    if known is None:
        raise _no_message(message)
    strange = [key for key, value in message.items() if value and key not in {"role", *known}]
    if strange or ("content" not in message and role != "assistant"):
        raise _no_message(message)
    match role:
        case "user":
            yield User(_text(message))
        case "system" | "developer":
            yield Developer(_text(message))
        case "tool":
            yield _result(message, callers)
        case _:
            yield from _answer(message, callers)


def _answer(message: _Json, callers: dict[str, str]) -> Iterator[Assistant]:
    """What an assistant's message holds: reasoning, a preamble or an answer, calls."""
    thought, text = message.get("reasoning_content") or message.get("reasoning"), _text(message)
    calls = message.get("tool_calls") or []
    if not isinstance(calls, Sequence) or not (thought is None or isinstance(thought, str)):
        raise _no_message(message)
    if thought:
        yield Assistant(thought, Channel.ANALYSIS)
    if text or not (calls or thought):
        yield Assistant(text, Channel.COMMENTARY if calls else Channel.FINAL)
    for call in calls:
        match call:
            case {"function": {"name": str(name), "arguments": str(arguments)}}:
                callers[str(call.get("id"))] = name
                recipient = f"{FUNCTIONS}.{name}"
                yield Assistant(arguments, Channel.COMMENTARY, recipient, "json")
            case _:
                raise _no_message(message)


def _result(message: _Json, callers: dict[str, str]) -> ToolResult:
    name = callers.get(str(message.get("tool_call_id"))) or message.get("name")
    if not isinstance(name, str):
        raise InputError(f"{message!r:.80} answers no call: none before it has its tool_call_id")
    return ToolResult(f"{FUNCTIONS}.{name}", _text(message))


def _text(message: _Json) -> str:
    """A message's text, or that of its parts."""
    content = message.get("content")
    if content is None and message["role"] == "assistant":
        return ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if isinstance(parts, Sequence):
        texts = [part["text"] for part in parts if _is_text(part)]
        if len(texts) == len(parts):
            return "".join(texts)
    raise _no_message(message)


def _is_text(part: Any) -> bool:
    match part:
        case {"type": "text", "text": str()}:
            return True
    return False


def _no_message(message: Any) -> InputError:
    return InputError(
        f"{message!r:.80} is no message; expected one of ossia.User and its like, or "
        "{'role': 'user', 'content': '...'}"
    )
