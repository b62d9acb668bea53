"""JSON from a stranger: bounded, without duplicate keys, bombs or numbers that are none.

Used for the headers of safetensors, for their index and for config.json.
"""

import json
from pathlib import Path
from typing import Any

from ossia.base.errors import CheckpointError
from ossia.checkpoint.mapped import read_whole


def read_object(path: Path, limit: int) -> dict[str, Any]:
    """The object that a JSON file of at most ``limit`` bytes holds.

    Raises:
        CheckpointError: the file is missing, too large, or not such JSON.
    """
    return parse_object(read_whole(path, limit), str(path))


def parse_object(text: bytes, origin: str) -> dict[str, Any]:
    """The object that ``text`` holds; ``origin`` names it in messages.

    Raises:
        CheckpointError: it is not UTF-8, not JSON, not an object, repeats a key, is nested more
            deeply than Python goes, or holds NaN, Infinity or a number of thousands of digits.
    """
    try:
        document = json.loads(
            text.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    except _RefusedError as refused:
        raise CheckpointError(f"{origin}: {refused}; download it again") from None
    except RecursionError:
        raise CheckpointError(f"{origin}: JSON nested too deeply; download it again") from None
    except ValueError as error:  # bad UTF-8, bad JSON, too many digits
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{origin}: not JSON ({reason:.80}); download it again") from None
    if not isinstance(document, dict):
        kind = type(document).__name__
        raise CheckpointError(
            f"{origin}: expected a JSON object, found a {kind}; download it again"
        )
    return document


class _RefusedError(Exception):
    """Well-formed JSON that is not taken."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _RefusedError(f"the key {repeated!r:.80} stands twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise _RefusedError(f"{name} is no number of JSON")
