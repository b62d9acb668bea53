"""Reasoning that a client carries for us and cannot read: ``encrypted_content``.

Knows ciphers and one key, which lies beside the store and never leaves the machine. What somebody
changed, or another server sealed, does not open. Source: the Fernet specification (AES-128 in CBC
mode, HMAC-SHA256, both from one key), as the ``cryptography`` package has it.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from ossia.base.errors import InputError, ResourceError

NAME = "reasoning.key"


class Seal:
    """Closes and opens texts.

    Args:
        folder: where the key is kept, made if need be; None has one for this process alone.

    Raises:
        OssiaError: the key cannot be kept, or is none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._cipher = _cipher(folder / NAME) if folder else Fernet(Fernet.generate_key())

    def close(self, text: str) -> str:
        """A text that nobody else reads or changes."""
        return self._cipher.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str | None:
        """What was sealed here; None for anything else."""
        try:
            return self._cipher.decrypt(sealed.encode()).decode()
        except (InvalidToken, ValueError):
            return None


def _cipher(path: Path) -> Fernet:
    try:
        if not path.exists():
            _make_key(path)
        return Fernet(path.read_bytes())
    except OSError as error:
        raise ResourceError(f"{path}: no key can be kept there: {error.strerror}") from None
    except ValueError:
        raise InputError(f"{path} is no key; remove it, and a new one is made") from None


def _make_key(path: Path) -> None:
    """Of two processes that begin at once, one is first, and no one reads half a key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        Path(beside).unlink()
