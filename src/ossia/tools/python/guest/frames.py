"""How both sides of the sandbox speak: two lengths, a JSON object, bytes.

Whoever reads takes it as data: bounded before it is stored, parsed as JSON and nothing more. Runs
inside and outside of the sandbox, so it needs the standard library only.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

_HEAD = struct.Struct("!II")
MAX_FIELDS = 4 << 20
"""Bytes of a frame's JSON."""


class BrokenFrame(ValueError):  # noqa: N818 - what it is, not what is done about it
    """What came is no frame, or one that is too long."""


def pack(fields: Mapping[str, Any], body: bytes = b"") -> bytes:
    """A frame as it is sent."""
    text = json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
    return _HEAD.pack(len(text), len(body)) + text + body


class Inbox:
    """Puts frames together from the pieces in which they come.

    Attributes:
        max_body: bytes that a frame's body may have.
    """

    def __init__(self, max_body: int) -> None:
        self.max_body = max_body
        self._data = bytearray()

    def feed(self, piece: bytes) -> None:
        """What came just now."""
        self._data += piece

    def take(self) -> tuple[dict[str, Any], bytes] | None:
        """The next whole frame; None where more has to come.

        Raises:
            BrokenFrame: its lengths are over the bounds, or it holds no JSON object.
        """
        if len(self._data) < _HEAD.size:
            return None
        num_fields, num_body = _HEAD.unpack_from(self._data)
        if num_fields > MAX_FIELDS or num_body > self.max_body:
            raise BrokenFrame(f"a frame of {num_fields} and {num_body} bytes")
        start, end = _HEAD.size + num_fields, _HEAD.size + num_fields + num_body
        if len(self._data) < end:
            return None
        text, body = bytes(self._data[_HEAD.size : start]), bytes(self._data[start:end])
        del self._data[:end]
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BrokenFrame("a frame without JSON") from error
        if not isinstance(fields, dict):
            raise BrokenFrame("a frame whose JSON is no object")
        return fields, body
