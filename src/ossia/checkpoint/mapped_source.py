"""The ``Source`` of every reader: named views of mapped files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ossia.checkpoint.mapped import MappedFile
from ossia.checkpoint.source import Layout, TensorInfo, TokenizerFiles
from ossia.checkpoint.streams import PLAIN
from ossia.numerics.arrays import Array, Mxfp4Array, Q8Array, TiledArray


@dataclass(frozen=True, eq=False)
class MappedCheckpoint:
    """A checkpoint whose tensors are views; the attributes are those of ``Source``.

    Attributes:
        arrays: every tensor by canonical name, in a checkpoint's order.
        mapped: the weight files, in order.
    """

    path: Path
    layout: Layout
    config: Mapping[str, Any]
    tokenizer: TokenizerFiles
    arrays: Mapping[str, Array] = field(repr=False)
    mapped: tuple[MappedFile, ...] = field(repr=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """The weight files, in order."""
        return tuple(file.path for file in self.mapped)

    @cached_property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Every tensor, described."""
        return dict(_describe(self.arrays))

    def read(self, name: str, expert: int | None = None) -> Array:
        """A view of a tensor, or of one expert's part of it.

        Raises:
            KeyError: no tensor has this name.
            CheckpointError: a file became shorter since it was opened.
        """
        array = self.arrays[name]
        for file in self.mapped:
            file.check()
        return array if expert is None else array[expert]


def _describe(arrays: Mapping[str, Array]) -> Iterator[tuple[str, TensorInfo]]:
    for name, array in arrays.items():
        yield name, TensorInfo(name, encoding_of(array), array.shape, array.nbytes)


def encoding_of(array: Array) -> str:
    """MXFP4, Q8_0, BF16, F16 or F32."""
    if isinstance(array, Mxfp4Array):
        return "MXFP4"
    if isinstance(array, Q8Array):
        return "Q8_0"
    assert not isinstance(array, TiledArray), "checkpoints hold no tiles"
    return next(encoding for encoding, dtype in PLAIN.items() if dtype == array.dtype)
