"""Arrays whose numbers are stored in blocks, beside the plain ones of NumPy.

This file knows how a block-quantised tensor lies in memory; the meaning of its bits is in
``mxfp4`` and ``ggml``. Nothing here copies: blocks and scales may be strided views of a file.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_SIZE = 32
"""Values that share one scale, in MXFP4 as in Q8_0."""


class NibbleOrder(Enum):
    """Where the 32 four-bit values of an MXFP4 block lie in its 16 bytes.

    ADJACENT: byte j holds value 2j in its low nibble and 2j+1 in its high one
    (OpenAI's and Hugging Face's files).
    HALVES: byte j holds value j in its low nibble and j+16 in its high one (ggml).
    """

    ADJACENT = "adjacent"
    HALVES = "halves"


@dataclass(frozen=True, eq=False)
class Mxfp4Array:
    """A tensor [..., columns] in MXFP4: 4-bit values, one 8-bit power of two a block of 32.

    Attributes:
        blocks: uint8 [..., blocks, 16], two values a byte, in ``nibble_order``.
        scales: uint8 [..., blocks], E8M0: 2**(byte - 127), 255 is NaN.
        nibble_order: how a block's 16 bytes are read.
    """

    blocks: NDArray[np.uint8]
    scales: NDArray[np.uint8]
    nibble_order: NibbleOrder = NibbleOrder.ADJACENT

    @property
    def shape(self) -> tuple[int, ...]:
        """The logical shape: values, not bytes."""
        return (*self.scales.shape[:-1], self.scales.shape[-1] * BLOCK_SIZE)

    @property
    def nbytes(self) -> int:
        """Bytes that the values take, scales included."""
        return self.blocks.nbytes + self.scales.nbytes

    def __getitem__(self, index: Any) -> "Mxfp4Array":
        """A view of some leading axes (never of columns)."""
        return Mxfp4Array(self.blocks[index], self.scales[index], self.nibble_order)


@dataclass(frozen=True, eq=False)
class Q8Array:
    """A tensor [..., columns] in ggml's Q8_0: signed bytes, one float16 scale a block of 32.

    Attributes:
        values: int8 [..., blocks, 32].
        scales: float16 [..., blocks].
    """

    values: NDArray[np.int8]
    scales: NDArray[np.float16]

    @property
    def shape(self) -> tuple[int, ...]:
        """The logical shape: values, not bytes."""
        return (*self.scales.shape[:-1], self.scales.shape[-1] * BLOCK_SIZE)

    @property
    def nbytes(self) -> int:
        """Bytes that the values take, scales included."""
        return self.values.nbytes + self.scales.nbytes

    def __getitem__(self, index: Any) -> "Q8Array":
        """A view of some leading axes (never of columns)."""
        return Q8Array(self.values[index], self.scales[index])


TILE_ROWS = 16
"""Rows of a matrix that a ``TiledArray`` interleaves."""


MXFP4_TILE_BYTES, Q8_TILE_BYTES = 256 + 16, 512 + 32
"""Bytes of a tile of 16 rows and a block of columns, with its scales."""


@dataclass(frozen=True, eq=False)
class TiledArray:
    """A tensor [..., rows, columns] whose rows lie interleaved by 16: see ``tiles``.

    Attributes:
        tiles: uint8 [..., row_tiles, blocks, bytes], each tile its values and then its 16 scales:
            256 + 16 bytes in MXFP4, 512 + 32 with 8-bit values.
        rows, columns: what the tensor has; tiles are filled up with zeros.
    """

    tiles: NDArray[np.uint8]
    rows: int
    columns: int

    @property
    def is_mxfp4(self) -> bool:
        """Whether values are MXFP4's, else of 8 bits."""
        return int(self.tiles.shape[-1]) == MXFP4_TILE_BYTES

    @property
    def values(self) -> NDArray[np.uint8]:
        """A view [..., row_tiles, blocks, 256 or 512] of the values' bytes."""
        return self.tiles[..., : self.tiles.shape[-1] * 16 // 17]

    @property
    def scales(self) -> NDArray[Any]:
        """A view [..., row_tiles, blocks, 16]: uint8 (E8M0) for MXFP4, else float16."""
        scales = self.tiles[..., self.tiles.shape[-1] * 16 // 17 :]
        return scales if self.is_mxfp4 else scales.view(np.float16)

    @property
    def shape(self) -> tuple[int, ...]:
        """The logical shape: values, not bytes."""
        return (*self.tiles.shape[:-3], self.rows, self.columns)

    @property
    def nbytes(self) -> int:
        """Bytes that the values take, scales included."""
        return self.tiles.nbytes

    def __getitem__(self, index: Any) -> "TiledArray":
        """A view of some axes before rows."""
        return TiledArray(self.tiles[index], self.rows, self.columns)


Array = NDArray[Any] | Mxfp4Array | Q8Array | TiledArray
"""A stored tensor: float32, float16 or bfloat16 in NumPy, one of the block formats, or tiles."""

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
