"""Chats as files: saved, loaded, named.

Knows the file of a conversation; does not know who types or who answers. It is JSON::

    {"format": "ossia-chat", "version": 1, "effort": "medium", "instructions": null,
     "settings": {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "seed": null,
                  "max_tokens": null, ...},
     "messages": [{"role": "user", "text": "..."},
                  {"role": "assistant", "channel": "final", "text": "..."}]}

Version 2 has calls of tools, ``{"role": "assistant", "channel": "analysis", "text": "6*7",
"recipient": "python", "content_type": "code"}``, and their results, ``{"role": "tool", "channel":
"analysis", "text": "42", "name": "python"}``; a chat without them stays one that older versions
read. Every key must be there, but for settings, and no other may be. Files come from anywhere: each
is read within bounds and checked value by value.
"""

import errno
import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ossia.agent.transcript import Transcript
from ossia.base import settings as environment
from ossia.base.errors import InputError, OssiaError, ResourceError
from ossia.chat import Settings
from ossia.harmony import Assistant, Channel, Effort, Role, ToolResult, User

_FORMAT = "ossia-chat"
_PLAIN, _WITH_TOOLS = 1, 2
_MAX_BYTES = 64 << 20
_NAME = re.compile(r"[^\W_][\w .-]{0,59}")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def place(name: str) -> Path:
    """The file of a chat: a plain name is kept in ossia's home; a path is a path.

    Raises:
        InputError: it is neither.
    """
    if "/" in name or name.endswith(".json"):
        try:
            return Path(name).expanduser() if "\0" not in name else _refuse_name(name)
        except RuntimeError:  # ~ and a user whom the system does not know
            return _refuse_name(name)
    if not _NAME.fullmatch(name):
        return _refuse_name(name)
    return _chats() / f"{name}.json"


def saved_names() -> Sequence[str]:
    """Names of the chats in ossia's home, sorted."""
    return sorted(path.stem for path in _chats().glob("*.json"))


def save(transcript: Transcript, path: Path) -> None:
    """Write a chat, all or nothing. An earlier chat at the path is replaced; nothing else is.

    Raises:
        InputError: the path holds something that is no chat, or cannot be written.
        ResourceError: the disk is full.
    """
    if os.path.lexists(path):
        _refuse_stranger(path)
    has_tools = any(
        isinstance(each, ToolResult) or (isinstance(each, Assistant) and each.recipient)
        for each in transcript.messages
    )
    document = {
        "format": _FORMAT,
        "version": _WITH_TOOLS if has_tools else _PLAIN,
        "effort": transcript.effort,
        "instructions": transcript.instructions,
        "settings": asdict(transcript.settings),
        "messages": [_to_json(message) for message in transcript.messages],
    }
    # Escaped, so that half a surrogate pair, which is no UTF-8, also survives.
    data = json.dumps(document, indent=1).encode()
    try:
        if path.parent == _chats():
            path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, data)
    except OSError as error:
        kind = ResourceError if error.errno in _NO_ROOM else InputError
        raise kind(f"cannot save the chat at {path}: {error.strerror or error}") from None


def load(path: Path) -> Transcript:
    """Read a chat.

    Raises:
        InputError: there is none, it cannot be read, or it is no chat of this version.
    """
    document = _read(path)
    try:
        return _from_json(document)
    except OssiaError as error:
        raise InputError(f"{path}: a chat that cannot be: {error}") from None
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f"{path}: a broken chat: {error!s:.120}") from None


def _chats() -> Path:
    return environment.home() / "chats"


def _refuse_name(name: str) -> Path:
    raise InputError(
        f"{name!r:.60} cannot name a chat; expected up to 60 letters, digits, spaces, dots and "
        "dashes, or a path with a /"
    )


def _refuse_stranger(path: Path) -> None:
    try:
        _read(path)
    except InputError:
        raise InputError(
            f"{path} is there already and is no chat; choose another name, so that it stays"
        ) from None


def _write(path: Path, data: bytes) -> None:
    """Through a neighbour that only its owner may read, synced and renamed."""
    target = path.resolve()  # a link stays a link
    descriptor, name = tempfile.mkstemp(prefix=f".{target.stem}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path) -> dict[str, Any]:
    """The JSON object of a chat file, whose format and version are right."""
    try:
        if not path.is_file():  # nor a pipe, which would be waited for
            what = "no file of a chat" if os.path.lexists(path) else "no such chat"
            raise InputError(f"{path}: {what}{_known()}")
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot read the chat: {reason}") from None
    if len(data) > _MAX_BYTES:
        raise InputError(f"{path}: larger than {_MAX_BYTES >> 20} MiB, which no chat is")
    try:
        document = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise InputError(f"{path}: not a chat that ossia saved")
    if document.get("version") not in (_PLAIN, _WITH_TOOLS):
        raise InputError(
            f"{path}: a chat of version {document.get('version')!r:.20}; this ossia reads versions "
            f"{_PLAIN} and {_WITH_TOOLS}"
        )
    return document


def _known() -> str:
    names = saved_names()
    return f"; saved are: {', '.join(names[:20])}" if names else ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key is there twice")
    return values


def _to_json(message: User | Assistant | ToolResult) -> dict[str, str | None]:
    match message:
        case User(text):
            return {"role": Role.USER, "text": text}
        case ToolResult(name, text, channel):
            return {"role": Role.TOOL, "channel": channel, "text": text, "name": name}
        case Assistant(text, channel, recipient, content_type):
            said = {"role": Role.ASSISTANT, "channel": channel, "text": text}
            return said | (
                {"recipient": recipient, "content_type": content_type} if recipient else {}
            )


def _from_json(document: dict[str, Any]) -> Transcript:
    keys = {"format", "version", "effort", "instructions", "settings", "messages"}
    _expect_keys("the chat", document, keys)
    instructions = document["instructions"]
    messages = document["messages"]
    if not isinstance(messages, list):
        raise TypeError("messages is no list")
    return Transcript(
        messages=tuple(_message(message) for message in messages),
        effort=Effort(document["effort"]),
        instructions=None if instructions is None else _text("instructions", instructions),
        settings=_settings(document["settings"]),
    )


def _message(value: Any) -> User | Assistant | ToolResult:
    role = value.get("role") if isinstance(value, dict) else None
    match role:
        case Role.USER:
            _expect_keys("a message", value, {"role", "text"})
            return User(_text("text", value["text"]))
        case Role.TOOL:
            _expect_keys("a result", value, {"role", "channel", "text", "name"})
            name = _text("name", value["name"])
            return ToolResult(name, _text("text", value["text"]), Channel(value["channel"]))
        case Role.ASSISTANT if "recipient" in value:
            _expect_keys("a call", value, {"role", "channel", "text", "recipient", "content_type"})
            recipient, kind = _text("recipient", value["recipient"]), value["content_type"]
            kind = None if kind is None else _text("content_type", kind)
            text, channel = _text("text", value["text"]), Channel(value["channel"])
            return Assistant(text, channel, recipient, kind)
        case Role.ASSISTANT:
            _expect_keys("a message", value, {"role", "channel", "text"})
            return Assistant(_text("text", value["text"]), Channel(value["channel"]))
    raise ValueError(f"a message's role is {role!r:.40}; expected user, assistant or tool")


def _settings(values: Any) -> Settings:
    """Settings that came later than a file are as they are by default."""
    names = {field.name for field in fields(Settings)}
    if not isinstance(values, dict) or not values.keys() <= names:
        raise ValueError(f"settings may have the keys {', '.join(sorted(names))}")
    return Settings(**{name: _setting(name, value) for name, value in values.items()})


def _setting(name: str, value: Any) -> Any:
    default = getattr(Settings(), name)
    if isinstance(default, tuple) and isinstance(value, list):
        pairs = [pair for pair in value if isinstance(pair, list) and len(pair) == 2]
        if len(pairs) == len(value) and all(_is_number(part) for pair in pairs for part in pair):
            return tuple((int(token_id), float(bias)) for token_id, bias in pairs)
    elif type(value) is int or (isinstance(default, float) and type(value) is float):
        return float(value) if isinstance(default, float) else value
    elif value is None and default is None:
        return None
    raise TypeError(f"the setting {name} is {value!r:.40}")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _expect_keys(what: str, values: Any, keys: set[str]) -> None:
    if not isinstance(values, dict) or values.keys() != keys:
        raise ValueError(f"{what} needs exactly the keys {', '.join(sorted(keys))}")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value
