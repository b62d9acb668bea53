"""Tensors as a file will hold them, and the loop that writes them.

Both formats are a header and then tensors back to back; what differs is in ``write_safetensors``
and ``write_gguf``. Tensors that come out of one read (an expert's blocks and its scales) form a
group and are written side by side, so that nothing is read or drawn twice, nor kept.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Progress = Callable[[int, int], None]
"""Called with bytes of tensors written and bytes in all, the last time with both equal."""


def silent(_done: int, _total: int) -> None:
    """A ``Progress`` that tells nobody."""


@dataclass(frozen=True)
class Written:
    """What a writer made.

    Attributes:
        path: the file or folder.
        files: the weight files, in order.
        nbytes: bytes of tensors.
        notes: what is not as in the source, a sentence each.
    """

    path: Path
    files: tuple[Path, ...]
    nbytes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file.

    Attributes:
        name: in the file's own vocabulary.
        dtype: in the file's own vocabulary.
        shape: as the file states it.
        nbytes: bytes that it takes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int


Pieces = Iterator[tuple[int, NDArray[Any]]]
"""C-contiguous runs of bytes and which tensor of the group each continues."""


@dataclass(frozen=True)
class Group:
    """Tensors that are written together.

    Attributes:
        tensors: as they lie in the file, one after the other.
        pieces: makes their bytes; each tensor's come in order.
    """

    tensors: tuple[StoredTensor, ...]
    pieces: Callable[[], Pieces]


@dataclass(frozen=True)
class Tally:
    """Counts what is written over all files and tells it."""

    total: int
    progress: Progress

    def start(self) -> Callable[[int], None]:
        """A function to call with every number of bytes written."""
        done = 0

        def add(nbytes: int) -> None:
            nonlocal done
            done += nbytes
            self.progress(done, self.total)

        return add


def write_file(
    path: Path,
    header: bytes,
    groups: Sequence[Group],
    wrote: Callable[[int], None],
    alignment: int = 1,
) -> None:
    """Write a header and then every group's tensors, each aligned; padding is zeros.

    Raises:
        OSError: the disk is full, or the file cannot be written.
    """
    with path.open("wb", buffering=0) as file:
        _write_all(file.fileno(), header, 0)
        end = len(header)
        for group in groups:
            starts = []
            for tensor in group.tensors:
                starts.append(end := end + -end % alignment)
                end += tensor.nbytes
            _write_group(file.fileno(), group, starts, wrote)
        os.ftruncate(file.fileno(), end)


def _write_group(
    descriptor: int, group: Group, starts: list[int], wrote: Callable[[int], None]
) -> None:
    positions = list(starts)
    for index, piece in group.pieces():
        data = np.ascontiguousarray(piece).reshape(-1).view(np.uint8)
        _write_all(descriptor, data.data, positions[index])
        positions[index] += data.nbytes
        wrote(data.nbytes)
    for tensor, start, position in zip(group.tensors, starts, positions, strict=True):
        assert position - start == tensor.nbytes, f"{tensor} got {position - start} bytes"


def _write_all(descriptor: int, data: bytes | memoryview, position: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, position)
        view, position = view[count:], position + count
