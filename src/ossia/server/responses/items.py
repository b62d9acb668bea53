"""Items as clients send them to items as they are kept: with ids, contents as lists of parts.

Knows the kinds of items that a text model can read. Others are kept as they came, and ``translate``
leaves them out of the prompt with a warning. Source: OpenAI's API reference, the input items of a
response; the types of the ``openai`` package say which fields each kind has.
"""

import secrets
from collections.abc import Callable
from typing import Any

from ossia.server.validation import missing, wrong

Item = dict[str, Any]

_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
}
_ROLES = ("user", "assistant", "system", "developer")
_SPEAKS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
"""Kinds of parts, and the field of each that is text."""


def new_id(prefix: str) -> str:
    """An id that nobody can guess."""
    return f"{prefix}_{secrets.token_hex(24)}"


def kept_items(told: str | list[Item] | None, where: str) -> list[Item]:
    """Items as they are kept; text alone is the user's message.

    References to other items stay; ``resolved`` puts those in their place.

    Raises:
        RequestError: one is not as its kind has to be.
    """
    if told is None:
        return []
    if isinstance(told, str):
        told = [{"role": "user", "content": told}]
    return [_kept(item, f"{where}[{index}]") for index, item in enumerate(told)]


def resolved(items: list[Item], find: Callable[[str], Item | None], where: str) -> list[Item]:
    """Items with those in place of references that they refer to.

    Raises:
        RequestError: there is none of that id.
    """
    found: list[Item] = []
    for index, item in enumerate(items):
        if item["type"] == "item_reference":
            meant = find(item["id"])
            if meant is None:
                raise wrong(f"{where}[{index}].id", f"no item {item['id']!r:.80} is kept here")
            item = meant
        found.append(item)
    return found


def text_of(content: Any, where: str) -> str:
    """The text of a content that is text, or a list of parts.

    Raises:
        RequestError: it has something else in it.
    """
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(where, "expected text or a list of its parts", "invalid_type")
    return "".join(_text_of_part(part, f"{where}[{index}]") for index, part in enumerate(content))


def words_of(item: Item) -> str:
    """What somebody may look for in an item: what was said between the user and the model."""
    if item.get("type") != "message":
        return ""
    parts = item.get("content") or []
    texts = (part.get(_SPEAKS.get(part.get("type"), "")) for part in parts)
    return "\n".join(text for text in texts if isinstance(text, str))


def _kept(item: Item, where: str) -> Item:
    kind = item.get("type")
    if kind is None:
        kind = "message" if "role" in item else "item_reference" if "id" in item else None
    if not isinstance(kind, str):
        raise missing(f"{where}.type") if kind is None else _not_text(f"{where}.type")
    keep = _KINDS.get(kind)
    kept = keep(item, where) if keep else dict(item)
    given = item.get("id")
    if given is not None and not (isinstance(given, str) and 0 < len(given) <= 128):
        raise wrong(f"{where}.id", "expected text of 1 to 128 characters", "invalid_type")
    return {"id": given or new_id(_PREFIXES.get(kind, "item")), "type": kind, **kept}


def _message(item: Item, where: str) -> Item:
    role = item.get("role")
    if role not in _ROLES:
        raise wrong(f"{where}.role", f"expected {', '.join(_ROLES)}; found {role!r:.40}")
    if "content" not in item:
        raise missing(f"{where}.content")
    content = item["content"]
    text_of(content, f"{where}.content")
    if isinstance(content, str):
        content = [
            {"type": "output_text" if role == "assistant" else "input_text", "text": content}
        ]
    kind = "output_text" if role == "assistant" else "input_text"
    parts = [_part(part, kind) for part in content]
    kept: Item = {"role": role, "status": "completed", "content": parts}
    if item.get("phase") in ("commentary", "final_answer"):
        kept["phase"] = item["phase"]
    return kept


def _part(part: Item, kind: str) -> Item:
    """A part of a message as the one who speaks has it."""
    if part["type"] == "refusal":
        return {"type": "refusal", "refusal": part["refusal"]}
    if kind == "input_text":
        return {"type": kind, "text": part["text"]}
    lists = {name: part[name] for name in ("annotations", "logprobs") if _is_list(part.get(name))}
    return {"type": kind, "text": part["text"], "annotations": [], "logprobs": [], **lists}


def _reasoning(item: Item, where: str) -> Item:
    for name, kind in (("summary", "summary_text"), ("content", "reasoning_text")):
        parts = item.get(name)
        if parts is not None and not (
            _is_list(parts) and all(_is_part(part, kind) for part in parts)
        ):
            raise wrong(f"{where}.{name}", f"expected a list of parts of type {kind}")
    sealed = item.get("encrypted_content")
    if sealed is not None and not isinstance(sealed, str):
        raise _not_text(f"{where}.encrypted_content")
    kept: Item = {"summary": item.get("summary") or []}
    kept |= {"content": item["content"]} if item.get("content") else {}
    return kept | ({"encrypted_content": sealed} if sealed else {}) | {"status": "completed"}


def _call(item: Item, where: str) -> Item:
    """A call of a function, or of a tool that takes text."""
    told = "input" if item.get("type") == "custom_tool_call" else "arguments"
    kept: Item = {name: _required(item, name, where) for name in ("call_id", "name")}
    kept[told] = _required(item, told, where, may_be_empty=True)
    namespace = item.get("namespace")
    if namespace is not None:
        kept["namespace"] = _required(item, "namespace", where)
    return kept | {"status": "completed"}


def _result(item: Item, where: str) -> Item:
    kept: Item = {"call_id": _required(item, "call_id", where)}
    if item.get("output") is None:
        raise missing(f"{where}.output")
    text_of(item["output"], f"{where}.output")
    return kept | {"output": item["output"], "status": "completed"}


def _reference(item: Item, where: str) -> Item:
    return {"id": _required(item, "id", where)}


def _tools(item: Item, where: str) -> Item:
    tools = item.get("tools")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise wrong(f"{where}.tools", "expected a list of objects", "invalid_type")
    return {"role": "developer", "tools": tools}


_KINDS: dict[str, Callable[[Item, str], Item]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _call,
    "function_call_output": _result,
    "custom_tool_call": _call,
    "custom_tool_call_output": _result,
    "item_reference": _reference,
    "additional_tools": _tools,
}


def _text_of_part(part: Any, where: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind is None or not isinstance(kind, str):
        raise wrong(where, "expected an object with a type and a text", "invalid_type")
    if kind not in _SPEAKS:
        what = f"gpt-oss reads text only; it cannot be shown {kind!r:.40}"
        raise wrong(f"{where}.type", what, "unsupported_content")
    text = part.get(_SPEAKS[kind])
    if not isinstance(text, str):
        raise _not_text(f"{where}.{_SPEAKS[kind]}")
    return text


def _required(item: Item, name: str, where: str, *, may_be_empty: bool = False) -> str:
    value = item.get(name)
    if value is None:
        raise missing(f"{where}.{name}")
    if not isinstance(value, str) or not (value or may_be_empty):
        raise _not_text(f"{where}.{name}")
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_part(part: Any, kind: str) -> bool:
    return isinstance(part, dict) and part.get("type") == kind and isinstance(part.get("text"), str)


def _not_text(where: str) -> Exception:
    return wrong(where, "expected text", "invalid_type")
