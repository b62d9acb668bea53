"""One page of a conversation as a file: its name, its header, its checksum.

Knows bytes, and neither folders of many entries nor limits (``disk_cache``). An entry is named by
the digest of everything its numbers depend on: model, numerics and all tokens up to its last. Its
reader knows beforehand each byte of the header but the checksum, so whatever differs is damage.

    magic "OSSIA-KV", version, kind, tokens, blocks      8s 4u      little-endian
    key, parent's key                                    20s 20s
    token ids                                            tokens i
    bytes of each block                                  blocks Q
    CRC-32 of all before and all after                   u
    blocks                                               layer by layer, keys then values
"""

import contextlib
import fcntl
import hashlib
import os
import stat
import struct
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["full", "sliding"]
"""The layers whose blocks an entry holds: those that see everything, or a window."""

VERSION = 1
KEY_BYTES = 20
TEMPORARY: Final = ".writing-"
"""Begins the name of a file that is not yet an entry. Its writer holds a lock on it."""

_MAGIC = b"OSSIA-KV"
_KINDS: tuple[Kind, ...] = ("full", "sliding")
_CHECKSUM = struct.Struct("<I")


class DamagedEntryError(Exception):
    """An entry is not what was written; the message says how. Never leaves the cache."""


def root_key(fingerprint: bytes | str) -> bytes:
    """The key before any token.

    Args:
        fingerprint: all that a page's bits depend on but the tokens: the weights, the backend, its
            numerics and its layout.
    """
    if isinstance(fingerprint, str):
        fingerprint = fingerprint.encode()
    return _digest(b"root %d %s " % (VERSION, sys.byteorder.encode()) + fingerprint)


def chain_key(parent: bytes, token_ids: Sequence[int]) -> bytes:
    """The key of the page after ``parent`` that holds ``token_ids``: it stands for the prefix."""
    return _digest(parent + _pack_tokens(token_ids))


@dataclass(frozen=True)
class EntryName:
    """Where an entry lies in the cache's folder: ``ab/abcd...-PARENT.full``.

    The parent's key is in the name so that a look at the names shows the tree.
    """

    key: bytes
    parent: bytes
    kind: Kind

    def path(self, folder: Path) -> Path:
        """The file, two levels down."""
        key = self.key.hex()
        return folder / key[:2] / f"{key}-{self.parent.hex()}.{self.kind}"


def write_entry(
    folder: Path, name: EntryName, token_ids: Sequence[int], sizes: Sequence[int], payload: bytes
) -> int:
    """Makes the file, whole or not at all: written aside, then renamed. Returns its bytes.

    It is not synced: what a power cut spoils, the checksum tells, and it can be computed again.

    Raises:
        OSError: the system refuses; FileNotFoundError if somebody removed what was written.
    """
    header = _header(name, token_ids, sizes)
    checksum = _CHECKSUM.pack(zlib.crc32(payload, zlib.crc32(header)))
    path = name.path(folder)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    aside = folder / f"{TEMPORARY}{os.urandom(8).hex()}"
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            file.write(header + checksum)
            file.write(payload)
            file.flush()
            aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return len(header) + len(checksum) + len(payload)


def read_entry(
    folder: Path,
    name: EntryName,
    token_ids: Sequence[int],
    into: Sequence[NDArray[Any]],
    stamp: int,
) -> None:
    """Reads the blocks straight into C-contiguous arrays, in one call of the system.

    After any error the arrays are zeros where they were touched. A good entry's file gets
    ``stamp``, in nanoseconds, as the time of its last use.

    Raises:
        DamagedEntryError: it is not, byte for byte, what ``write_entry`` made.
        OSError: it cannot be opened or read.
    """
    blocks = [as_bytes(block) for block in into]
    expected = _header(name, token_ids, [block.nbytes for block in blocks])
    # O_NONBLOCK: whatever lies there under this name, opening it does not wait.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name.path(folder), flags)
    try:
        _check_file(os.fstat(descriptor), len(expected) + _CHECKSUM.size + _total(blocks))
        try:
            _read_checked(descriptor, expected, blocks)
        except BaseException:
            for block in blocks:
                block[:] = bytes(block.nbytes)
            raise
        with contextlib.suppress(OSError):  # a read-only folder serves all the same
            os.utime(descriptor, ns=(stamp, stamp))
    finally:
        os.close(descriptor)


def as_bytes(block: NDArray[Any]) -> memoryview:
    """The same memory as bytes.

    Raises:
        ValueError: it does not lie in one piece.
    """
    if not block.flags.c_contiguous:
        raise ValueError(f"a block of strides {block.strides} and shape {block.shape} has gaps")
    return block.reshape(-1).view(np.uint8).data


def _check_file(status: os.stat_result, expected_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise DamagedEntryError("it is no file")
    if status.st_size != expected_bytes:
        raise DamagedEntryError(f"it has {status.st_size:,} bytes of {expected_bytes:,}")


def _read_checked(descriptor: int, expected: bytes, blocks: list[memoryview]) -> None:
    header, checksum = bytearray(len(expected)), bytearray(_CHECKSUM.size)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)  # all of it in one go
    num_read = os.preadv(descriptor, [header, checksum, *blocks], 0)
    if num_read != len(header) + len(checksum) + _total(blocks):
        raise DamagedEntryError(f"only {num_read:,} bytes could be read")
    if header != expected:
        raise DamagedEntryError(_difference(header))
    computed = zlib.crc32(header)
    for block in blocks:
        computed = zlib.crc32(block, computed)
    if _CHECKSUM.pack(computed) != checksum:
        raise DamagedEntryError("its checksum is not that of its contents")


def _header(name: EntryName, token_ids: Sequence[int], sizes: Sequence[int]) -> bytes:
    counts = (VERSION, _KINDS.index(name.kind), len(token_ids), len(sizes))
    start = struct.pack("<8s4I", _MAGIC, *counts) + name.key + name.parent
    return start + _pack_tokens(token_ids) + struct.pack(f"<{len(sizes)}Q", *sizes)


def _difference(header: bytearray) -> str:
    """What is wrong with a header of the right length, for the log."""
    magic, version = struct.unpack_from("<8sI", header)
    if magic != _MAGIC:
        return "it does not begin as an entry does"
    if version != VERSION:
        return f"it is of version {version}, not {VERSION}"
    return "its header names other contents"


def _pack_tokens(token_ids: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(token_ids)}i", *token_ids)


def _digest(contents: bytes) -> bytes:
    return hashlib.blake2b(contents, digest_size=KEY_BYTES, person=b"ossia kv page").digest()


def _total(blocks: list[memoryview]) -> int:
    return sum(block.nbytes for block in blocks)
