"""Tiles: matrices laid out so that a processor multiplies 16 rows at once.

A tile is one block of 32 columns for 16 rows. Four neighbouring columns of a row are a piece, and
the pieces of the 16 rows lie side by side: 64 bytes, a vector register, whose every 32-bit lane
belongs to one row. In MXFP4 a byte holds column 4j + c in its low nibble and 16 + 4j + c in its
high one; 8-bit values are stored with 128 added. The tile's 16 scales follow its values. This file
is the definition; csrc/ has the fast way. Which arrays are worth it is a backend's choice.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ossia.numerics.arrays import (
    BLOCK_SIZE,
    MXFP4_TILE_BYTES,
    Q8_TILE_BYTES,
    TILE_ROWS,
    Mxfp4Array,
    NibbleOrder,
    Q8Array,
    TiledArray,
)
from ossia.numerics.mxfp4 import reorder_nibbles

PIECE = 4
"""Bytes of a row that lie together."""

Q8_OFFSET = 128
"""Added to 8-bit values, so that they are stored without a sign."""


def tile(array: Mxfp4Array | Q8Array) -> TiledArray:
    """The same numbers [..., rows, columns] in tiles."""
    rows, columns = array.shape[-2:]
    if isinstance(array, Mxfp4Array):
        halves = reorder_nibbles(array, NibbleOrder.HALVES)
        values, scales = _tile(halves.blocks), _tile_scales(halves.scales)
    else:
        values = _tile(array.values.view(np.uint8) ^ np.uint8(Q8_OFFSET), filling=Q8_OFFSET)
        scales = _tile_scales(array.scales).view(np.uint8)
    return TiledArray(np.concatenate([values, scales], axis=-1), rows, columns)


def untile(array: TiledArray) -> Mxfp4Array | Q8Array:
    """The same numbers row by row; columns filled up to whole blocks."""
    scales = np.swapaxes(array.scales, -1, -2)  # [..., row_tiles, 16, blocks]
    scales = np.ascontiguousarray(_join_rows(scales)[..., : array.rows, :])
    num_pieces = array.values.shape[-1] // (TILE_ROWS * PIECE)
    pieces = array.values.reshape(*array.values.shape[:-1], num_pieces, TILE_ROWS, PIECE)
    pieces = np.moveaxis(pieces, -2, -4)  # [..., row_tiles, 16, blocks, pieces, 4]
    rows = pieces.reshape(*pieces.shape[:-2], num_pieces * PIECE)
    rows = np.ascontiguousarray(_join_rows(rows, after=2)[..., : array.rows, :, :])
    if array.is_mxfp4:
        return Mxfp4Array(rows, scales, NibbleOrder.HALVES)
    return Q8Array((rows ^ np.uint8(Q8_OFFSET)).view(np.int8), scales)


def tiles_shape(shape: tuple[int, ...], is_mxfp4: bool, count: int) -> tuple[int, ...]:
    """The shape of the tiles of ``count`` tensors [..., rows, columns] whose row tiles take turns.

    Returns [..., row_tiles, count, blocks, bytes]; ``take_apart`` gives the tensors.
    """
    rows, columns = shape[-2:]
    nbytes = MXFP4_TILE_BYTES if is_mxfp4 else Q8_TILE_BYTES
    blocks = math.ceil(columns / BLOCK_SIZE)
    return (*shape[:-2], math.ceil(rows / TILE_ROWS), count, blocks, nbytes)


def take_apart(tiles: NDArray[np.uint8], rows: int, columns: int) -> tuple[TiledArray, ...]:
    """Views of the tensors whose row tiles take turns in [..., row_tiles, count, blocks, bytes]."""
    count = tiles.shape[-3]
    return tuple(TiledArray(tiles[..., i, :, :], rows, columns) for i in range(count))


def put_together(parts: Sequence[TiledArray]) -> NDArray[np.uint8]:
    """The opposite of ``take_apart``, as a copy."""
    return np.stack([part.tiles for part in parts], axis=-3)


def _tile(rows: NDArray[np.uint8], filling: int = 0) -> NDArray[np.uint8]:
    """Bytes [..., rows, blocks, n] as [..., row_tiles, blocks, n * 16]."""
    tiled = _split_rows(rows, after=2, filling=filling)  # [..., row_tiles, 16, blocks, n]
    pieces = tiled.reshape(*tiled.shape[:-1], -1, PIECE)  # [..., row_tiles, 16, blocks, n / 4, 4]
    pieces = np.moveaxis(pieces, -4, -2)  # [..., row_tiles, blocks, n / 4, 16, 4]
    return np.ascontiguousarray(pieces).reshape(*pieces.shape[:-3], -1)


def _tile_scales(scales: NDArray[Any]) -> NDArray[Any]:
    """Scales [..., rows, blocks] as [..., row_tiles, blocks, 16]."""
    return np.ascontiguousarray(np.swapaxes(_split_rows(scales, after=1), -1, -2))


def _split_rows(array: NDArray[Any], after: int, filling: int = 0) -> NDArray[Any]:
    """[..., rows, and ``after`` axes] as [..., row_tiles, 16, and the same], filled up."""
    axis = array.ndim - after - 1
    missing = -array.shape[axis] % TILE_ROWS
    widths = [(0, missing if i == axis else 0) for i in range(array.ndim)]
    filled = np.pad(array, widths, constant_values=filling)
    return filled.reshape(*array.shape[:axis], -1, TILE_ROWS, *array.shape[axis + 1 :])


def _join_rows(array: NDArray[Any], after: int = 1) -> NDArray[Any]:
    """[..., row_tiles, 16, and ``after`` axes] as [..., row_tiles * 16, and the same]."""
    axis = array.ndim - after - 2
    return array.reshape(*array.shape[:axis], -1, *array.shape[axis + 2 :])
