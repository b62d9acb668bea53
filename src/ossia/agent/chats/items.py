"""Harmony's messages as items of OpenAI's Responses, and back: what a chat keeps of a conversation.

What the model said to a tool it was trained with, and what it read, stands word for word under
``ossia`` in the item: OpenAI's own fields have no place for it. Source: OpenAI's API reference, the
items of a response.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from ossia.agent.chats.chat import Json, words_of
from ossia.harmony import Assistant, Channel, Message, ToolResult, User
from ossia.harmony.messages import FUNCTIONS

Said = User | Assistant | ToolResult


def items_of(said: Sequence[Message]) -> list[Json]:
    """What was said, as items; a call of a tool that the model was trained with has its result."""
    items: list[Json] = []
    open_calls: dict[str, list[Json]] = {}  # by recipient, those without a result
    for message in said:
        match message:
            case User(text):
                asked = [{"type": "input_text", "text": text}]
                items.append(_item("message", role="user", content=asked))
            case Assistant(text, Channel.ANALYSIS, None):
                thought = [{"type": "reasoning_text", "text": text}]
                items.append(_item("reasoning", summary=[], content=thought))
            case Assistant(text, channel, None):
                part = {"type": "output_text", "text": text, "annotations": []}
                phase = "commentary" if channel is Channel.COMMENTARY else "final_answer"
                content = [part]
                items.append(_item("message", role="assistant", content=content, phase=phase))
            case Assistant(recipient=str(recipient)):
                items.append(_call(message, recipient))
                open_calls.setdefault(recipient, []).append(items[-1])
            case ToolResult(name, text):
                waiting = open_calls.get(name) or []
                items += _result(waiting.pop(0) if waiting else None, text)
    return items


def messages_of(items: Sequence[Json]) -> list[Said]:
    """What items say, as far as a model reads it."""
    names: dict[str, str] = {}  # recipients of calls, by their ids
    return [message for item in items for message in _messages(item, names)]


def told_of(item: Json) -> tuple[Assistant, ToolResult] | None:
    """What the model said to a tool of the server and read of it; None where that is not known."""
    match item.get("ossia"):
        case {"recipient": str(recipient), "call": str(call), "result": str(result), **more}:
            kind = more.get("content_type")
            channel = _channel(more.get("channel"))
            said = Assistant(call, channel, recipient, kind if isinstance(kind, str) else "code")
            return said, ToolResult(recipient, result, channel)
    match item:
        case {"type": "code_interpreter_call", "code": str(code), "outputs": list(outputs)}:
            logs = [each.get("logs") for each in outputs if isinstance(each, dict)]
            text = "\n".join(log for log in logs if isinstance(log, str))
            said = Assistant(code, Channel.ANALYSIS, "python", "code")
            return said, ToolResult("python", text, Channel.ANALYSIS)
    return None


def _messages(item: Json, names: dict[str, str]) -> Iterator[Said]:
    match item:
        case {"type": "reasoning", "content": list(parts)}:
            texts = [part.get("text") for part in parts if isinstance(part, dict)]
            yield Assistant(
                "".join(text for text in texts if isinstance(text, str)), Channel.ANALYSIS
            )
        case {"type": "message", "role": "user"}:
            yield User(words_of([item]))
        case {"type": "message", "role": "assistant"}:
            is_preamble = item.get("phase") == "commentary"
            yield Assistant(words_of([item]), Channel.COMMENTARY if is_preamble else Channel.FINAL)
        case {"type": "function_call", "name": str(name), "arguments": str(arguments)}:
            names[str(item.get("call_id"))] = f"{FUNCTIONS}.{name}"
            yield Assistant(arguments, Channel.COMMENTARY, f"{FUNCTIONS}.{name}", "json")
        case {"type": "function_call_output", "call_id": call_id} if call_id in names:
            output = item.get("output")
            yield ToolResult(
                names[call_id], output if isinstance(output, str) else json.dumps(output)
            )
        case {"type": "code_interpreter_call" | "web_search_call"}:
            yield from told_of(item) or ()


def _call(said: Assistant, recipient: str) -> Json:
    space, _, function = recipient.partition(".")
    if space == FUNCTIONS:
        call_id = f"call_{secrets.token_hex(12)}"
        return _item("function_call", call_id=call_id, name=function, arguments=said.text)
    told = {
        "recipient": recipient,
        "content_type": said.content_type,
        "channel": str(said.channel),
        "call": said.text,
    }
    if space == "browser":
        action = {"type": "search", "query": said.text} if function == "search" else None
        return _item("web_search_call", action=action or {"type": "open_page"}, ossia=told)
    return _item("code_interpreter_call", code=said.text, container_id="", outputs=[], ossia=told)


def _result(call: Json | None, text: str) -> Iterator[Json]:
    """Puts a result to its call, or says it in an item of its own; one of no call is left."""
    if call is None:
        return
    if call["type"] == "function_call":
        yield _item("function_call_output", call_id=call["call_id"], output=text)
        return
    call["ossia"]["result"] = text
    if call["type"] == "code_interpreter_call":
        call["outputs"] = [{"type": "logs", "logs": text}]


def _item(kind: str, **fields: Any) -> Json:
    prefix = {"message": "msg", "reasoning": "rs", "function_call": "fc"}.get(kind, "item")
    item_id = f"{prefix}_{secrets.token_hex(12)}"
    return {"id": item_id, "type": kind, "status": "completed", **fields}


def _channel(told: Any) -> Channel:
    return Channel.COMMENTARY if told == str(Channel.COMMENTARY) else Channel.ANALYSIS
