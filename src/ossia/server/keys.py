"""API keys: given out once, kept as digests.

A key is 256 random bits, so a plain SHA-256 of it cannot be guessed back. Knows their file; does
not know where a request carries one.
"""

import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ossia.base import settings
from ossia.base.errors import InputError, ResourceError

_PREFIX = "ossia-"


@dataclass(frozen=True)
class Key:
    """What is kept of a key.

    Attributes:
        name: what its owner calls it.
        digest: SHA-256, in hexadecimal.
        created: seconds since 1970.
        at_once: requests of it that may be under way; None is any number.
        per_minute: requests of it that may begin in a minute; None is any number.
    """

    name: str
    digest: str
    created: float
    at_once: int | None = None
    per_minute: int | None = None


def create(name: str, at_once: int | None = None, per_minute: int | None = None) -> str:
    """A new key, which is told this once.

    Args:
        at_once, per_minute: see ``Key``.

    Raises:
        InputError: the name is taken or none, or a limit is below 1.
        ResourceError: the file cannot be written.
    """
    keys = read()
    if not name.strip() or any(key.name == name for key in keys):
        raise InputError(f"there is a key {name!r:.40} already, or the name is empty")
    if any(limit is not None and limit < 1 for limit in (at_once, per_minute)):
        raise InputError("a key is for one request at least; leave the limit out for any number")
    secret = _PREFIX + secrets.token_urlsafe(32)
    _write([*keys, Key(name, _digest(secret), time.time(), at_once, per_minute)])
    return secret


def revoke(name: str) -> None:
    """Makes a key useless.

    Raises:
        InputError: there is none of that name.
        ResourceError: the file cannot be written.
    """
    keys = read()
    left = [key for key in keys if key.name != name]
    if len(left) == len(keys):
        raise InputError(f"there is no key {name!r:.40}; see ossia key list")
    _write(left)


def key_of(secret: str) -> Key | None:
    """The key that a secret is, unless it was revoked; takes as long for any other.

    Raises:
        InputError: the file is damaged.
    """
    digest = _digest(secret)
    found = None
    for key in read():  # all of them, to take as long
        if hmac.compare_digest(digest, key.digest):
            found = key
    return found


def read() -> list[Key]:
    """All keys.

    Raises:
        InputError: the file is damaged.
    """
    try:
        document = json.loads(_path().read_text(encoding="utf-8"))
        return [_key(each) for each in document]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise InputError(f"{_path()} cannot be read: {error!s:.80}; remove it") from None


def _key(kept: Mapping[str, Any]) -> Key:
    limits = [kept.get(name) for name in ("at_once", "per_minute")]
    if not all(limit is None or (type(limit) is int and limit > 0) for limit in limits):
        raise ValueError("a limit is no number above 0")
    return Key(str(kept["name"]), str(kept["digest"]), float(kept["created"]), *limits)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _write(keys: list[Key]) -> None:
    path = _path()
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
            json.dump([asdict(key) for key in keys], file, indent=1)
        part.replace(path)
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror or error}") from None


def _path() -> Path:
    return settings.home() / "keys.json"
