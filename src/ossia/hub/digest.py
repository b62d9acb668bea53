r"""Hashes of files as the hub has them.

Two kinds: SHA-256 for large files, and Git's object id for small ones, which is SHA-1 over
``blob SIZE\0`` and the file. Knows bytes; does not know where they lie.
"""

import hashlib

_SHA256_DIGITS = 64


class Digest:
    """The hash of a file while it is read, against the one that is expected.

    Attributes:
        expected: 64 hexadecimal digits of SHA-256, or 40 of Git's object id.
    """

    def __init__(self, expected: str, size: int) -> None:
        self.expected = expected
        self._sha256 = hashlib.sha256()
        self._git = None
        if len(expected) != _SHA256_DIGITS:
            self._git = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)

    def update(self, data: bytes | memoryview) -> None:
        """Takes the next bytes."""
        self._sha256.update(data)
        if self._git is not None:
            self._git.update(data)

    @property
    def is_right(self) -> bool:
        """Whether the bytes so far are the file."""
        return (self._git or self._sha256).hexdigest() == self.expected

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes so far, also where another hash is expected."""
        return self._sha256.hexdigest()
