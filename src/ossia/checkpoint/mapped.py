"""A regular file, mapped read-only: bytes become arrays where they lie, and nothing is read.

Knows files and plain views; does not know what the bytes mean. One thing no check can prevent: a
file that another program shortens while a view of it is read ends the process (SIGBUS). ``check``
narrows that to the time after it was called.
"""

import ctypes
import math
import mmap
import os
import stat
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ossia.base.errors import CheckpointError, ResourceError

_MADV_POPULATE_READ = 22
"""Linux 5.14; Python does not name it."""

_POPULATE_BYTES = 64 << 20

LFS_POINTER = b"version https://git-lfs"


class MappedFile:
    """A file's bytes, as long as any view of them lives."""

    def __init__(self, path: Path) -> None:
        """Map a file.

        Raises:
            CheckpointError: there is no such file, or it is empty, no regular file, unreadable, or
                a git-lfs pointer.
            ResourceError: the process has no address space left for it.
        """
        self.path = path
        descriptor, self.size = _open(path)
        try:
            self.data = mmap.mmap(descriptor, self.size, access=mmap.ACCESS_READ)
        except OSError as error:
            raise ResourceError(
                f"{path}: cannot map {self.size / 1e9:.1f} GB ({error.strerror}); "
                "raise the limit on address space (ulimit -v)"
            ) from None
        finally:
            os.close(descriptor)
        _refuse_pointer(path, self.data[: len(LFS_POINTER)])

    def array(self, start: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """A read-only view [*shape] of the bytes from ``start``, which need not be aligned."""
        return np.frombuffer(self.data, dtype, math.prod(shape), start).reshape(shape)

    def populate(self) -> None:
        """Bring all of the file into memory and into this process's page tables, meanwhile.

        A page that is touched for the first time costs a fault, even if it lies in the system's
        cache: a third of the speed for the first hundred tokens. This takes 0.06 s a GB from the
        cache, in a thread that ends by itself; from a disk, the disk's time.
        """
        populate(np.frombuffer(self.data, np.uint8))

    def check(self) -> None:
        """Make sure that the file is still as long as it was.

        Raises:
            CheckpointError: it is shorter.
        """
        if self.data.size() < self.size:
            raise CheckpointError(
                f"{self.path}: became shorter since it was opened; restore it and start again"
            )


def read_whole(path: Path, limit: int) -> bytes:
    """The bytes of a small regular file.

    Raises:
        CheckpointError: as for ``MappedFile``, or it is larger than ``limit`` bytes.
    """
    descriptor, size = _open(path)
    with os.fdopen(descriptor, "rb") as file:
        if size > limit:
            raise CheckpointError(
                f"{path}: takes {size:,} bytes; of a gpt-oss at most {limit:,} are read"
            )
        data = file.read(limit)
    _refuse_pointer(path, data)
    return data


def populate(array: NDArray[Any]) -> None:
    """``MappedFile.populate`` for the part of a mapped file that an array views."""
    threading.Thread(target=_populate, args=(array,), daemon=True).start()


def _populate(array: NDArray[Any]) -> None:
    """Python's own madvise would hold the interpreter's lock all the time."""
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    end = array.ctypes.data + array.nbytes
    start = array.ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE
    for place in range(start, end, _POPULATE_BYTES):
        if madvise(place, min(_POPULATE_BYTES, end - place), _MADV_POPULATE_READ):
            return  # an older kernel, or the file became shorter: pages come as they are touched


def _open(path: Path) -> tuple[int, int]:
    """Descriptor and size. O_NONBLOCK: a FIFO that nobody writes must not hold us up."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    found = os.fstat(descriptor)
    problem = None
    if not stat.S_ISREG(found.st_mode):
        problem = "is a folder, a device or a pipe; expected a regular file"
    elif found.st_size == 0:
        problem = "is empty; download it again"
    if problem:
        os.close(descriptor)
        raise CheckpointError(f"{path}: {problem}")
    return descriptor, found.st_size


def _refuse_pointer(path: Path, head: bytes) -> None:
    if head.startswith(LFS_POINTER):
        raise CheckpointError(
            f"{path}: is a git-lfs pointer, not the file itself; fetch it with `git lfs pull`"
        )
