"""What weight files say that they hold, before anything is believed: tensors by the file's names.

Knows the encodings and how each lies in a file; gives out views once a name, a shape and an
encoding are as a configuration wants them. Does not know any layout's names.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ossia.base.errors import CheckpointError
from ossia.checkpoint.mapped import MappedFile
from ossia.checkpoint.streams import PLAIN
from ossia.numerics.arrays import BLOCK_SIZE, Array, Mxfp4Array, NibbleOrder, Q8Array

BYTES = {"MXFP4": 17, "Q8_0": 34}
"""Bytes of a block of 32 values, as ggml stores them."""

_UINT8 = np.dtype(np.uint8)


@dataclass(frozen=True)
class FoundTensor:
    """A tensor as its file describes it; its bytes are known to lie inside the file.

    Attributes:
        name: in the file's vocabulary.
        encoding: BF16, F16, F32, U8 (raw bytes), MXFP4 or Q8_0 (ggml's blocks), or one that is not
            read, by the name that the file's format has for it.
        shape: logical shape, the slowest axis first.
        start: of its first byte in the file.
    """

    name: str
    encoding: str
    shape: tuple[int, ...]
    file: MappedFile
    start: int


def encoded_nbytes(encoding: str, shape: Sequence[int]) -> int | None:
    """Bytes of a tensor in a file; None when its rows are no whole number of blocks.

    Raises:
        KeyError: the encoding is not one that is read.
    """
    values = math.prod(shape)
    if encoding in BYTES:
        if not shape or shape[-1] % BLOCK_SIZE:
            return None
        return values // BLOCK_SIZE * BYTES[encoding]
    return values * (1 if encoding == "U8" else PLAIN[encoding].itemsize)


class Directory:
    """All tensors of a checkpoint's files, each given out once."""

    def __init__(self, where: str, tensors: Iterable[FoundTensor]) -> None:
        """Collect.

        Args:
            where: file or folder, for messages.
            tensors: of all files.

        Raises:
            CheckpointError: two have the same name.
        """
        self.where = where
        self._tensors: dict[str, FoundTensor] = {}
        self._taken: set[str] = set()
        for tensor in tensors:
            if tensor.name in self._tensors:
                raise CheckpointError(
                    f"{tensor.file.path}: the tensor {tensor.name!r:.80} stands twice"
                )
            self._tensors[tensor.name] = tensor

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def find(self, name: str) -> FoundTensor:
        """A tensor's description.

        Raises:
            CheckpointError: the files lack it.
        """
        try:
            return self._tensors[name]
        except KeyError:
            raise CheckpointError(
                f"{self.where}: lacks the tensor {name}, which its configuration asks for; "
                "download it again"
            ) from None

    def take(self, name: str, shape: tuple[int, ...], encodings: Iterable[str]) -> Array:
        """A view of a tensor.

        Args:
            name: in the file's vocabulary.
            shape: that the configuration implies.
            encodings: that may stand here.

        Raises:
            CheckpointError: the files lack it, or have it in another shape or encoding.
        """
        tensor = self.find(name)
        if tensor.encoding not in encodings:
            raise CheckpointError(
                f"{tensor.file.path}: the tensor {name} is {tensor.encoding}; "
                f"ossia reads {', '.join(encodings)} there"
            )
        if tensor.shape != shape:
            raise CheckpointError(
                f"{tensor.file.path}: the tensor {name} has the shape {list(tensor.shape)!s:.80}; "
                f"by the model's configuration it must be {list(shape)}"
            )
        self._taken.add(name)
        return _view(tensor)

    def check_all_taken(self) -> None:
        """Make sure that nothing is left, which would be a part of some other model.

        Raises:
            CheckpointError: a tensor was not taken.
        """
        for name, tensor in self._tensors.items():
            if name not in self._taken:
                raise CheckpointError(
                    f"{tensor.file.path}: holds a tensor {name!r:.80} that a gpt-oss of this "
                    "configuration does not have; weights and configuration do not belong together"
                )


def _view(tensor: FoundTensor) -> Array:
    file, start, shape = tensor.file, tensor.start, tensor.shape
    if tensor.encoding in PLAIN:
        return file.array(start, PLAIN[tensor.encoding], shape)
    if tensor.encoding == "U8":
        return file.array(start, _UINT8, shape)
    blocks_shape = (*shape[:-1], shape[-1] // BLOCK_SIZE, BYTES[tensor.encoding])
    blocks = file.array(start, _UINT8, blocks_shape)  # [..., blocks, 17 or 34]
    if tensor.encoding == "MXFP4":
        return Mxfp4Array(blocks[..., 1:], blocks[..., 0], NibbleOrder.HALVES)
    return Q8Array(blocks[..., 2:].view(np.int8), blocks[..., :2].view("<f2")[..., 0])
