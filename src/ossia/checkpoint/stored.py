"""Tensors as a file will hold them, and the loop that writes them.

Both formats are a header and then tensors back to back; what differs is in ``write_safetensors``
and ``write_gguf``. Tensors that come out of one read (an expert's blocks and its scales) form a
group, so that nothing is read or drawn twice.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ossia.checkpoint.sink import Sink

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
"""Arrays, and which tensor of the group each continues."""


@dataclass(frozen=True)
class Group:
    """Tensors that are written together.

    Attributes:
        tensors: as they lie in the file, one after the other.
        pieces: makes their bytes; each tensor's come in order.
    """

    tensors: tuple[StoredTensor, ...]
    pieces: Callable[[], Pieces]


class Tally:
    """Counts what is written over all files of a checkpoint, and tells it."""

    def __init__(self, groups: Sequence[Group], progress: Progress) -> None:
        self.total = sum(tensor.nbytes for group in groups for tensor in group.tensors)
        self._done = 0
        self._progress = progress

    def add(self, nbytes: int) -> None:
        """Count more bytes."""
        self._done += nbytes
        self._progress(self._done, self.total)


def write_file(
    path: Path, header: bytes, groups: Sequence[Group], tally: Tally, alignment: int = 1
) -> None:
    """Write a header and then every group's tensors, each padded with zeros to the alignment.

    Of a group, the tensors after the first are kept until it is written: they are small (the
    scales of a layer's experts).

    Raises:
        OSError: the disk is full, or the file cannot be written.
    """
    with Sink(path) as sink:
        sink.write(header)
        for group in groups:
            kept: list[list[NDArray[Any]]] = [[] for _ in group.tensors]
            sizes = [0] * len(group.tensors)
            for index, piece in group.pieces():
                sizes[index] += piece.nbytes
                if index:
                    kept[index].append(piece)
                else:
                    _write(sink, piece, tally)
            for tensor, size, pieces in zip(group.tensors, sizes, kept, strict=True):
                assert size == tensor.nbytes, f"{tensor} got {size} bytes"
                for piece in pieces:
                    _write(sink, piece, tally)
                sink.write(bytes(-size % alignment))


def _write(sink: Sink, piece: NDArray[Any], tally: Tally) -> None:
    data = np.ascontiguousarray(piece).reshape(-1).view(np.uint8)
    sink.write(data.data)
    tally.add(data.nbytes)
