"""From weights as files hold them to those that the kernels read fastest."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ossia.base import settings
from ossia.numerics.arrays import (
    Array,
    Mxfp4Array,
    NibbleOrder,
    Q8Array,
    TiledArray,
)
from ossia.numerics.bf16 import BF16
from ossia.numerics.tiles import take_apart, tiles_shape
from ossia.ops.cpu import _kernels

LAYOUT = "tiles16-3"
"""Names the layout of packed files; it changes whenever the same weights give other bytes."""


def packing() -> str | None:
    """See ``Ops.packing``: OSSIA_WEIGHTS=released computes with weights as files hold them."""
    return None if settings.weights() == "released" else LAYOUT


def pack(weight: Array) -> TiledArray:
    """``pack_together`` for one matrix, or one of each expert; tiles stay as they are."""
    return weight if isinstance(weight, TiledArray) else pack_together((weight,))[0]


def pack_together(weights: tuple[Array, ...]) -> tuple[TiledArray, ...]:
    """See ``Ops.pack_together``: row tiles of the matrices take turns, one stream to read.

    MXFP4 keeps its bits, Q8_0 its values; all else is rounded to 8 bits with one float16 scale for
    every 32 columns, as in Q8_0. A block with a number that is none or beyond the format gets a
    scale that is none, so that results show it.
    """
    shape, is_mxfp4 = weights[0].shape, isinstance(weights[0], Mxfp4Array)
    both = np.empty(tiles_shape(shape, is_mxfp4, len(weights)), np.uint8)
    parts = take_apart(both, *shape[-2:])
    for weight, tiled in zip(weights, parts, strict=True):
        if len(shape) == 2:
            _pack_matrix(weight, tiled)
        else:
            for expert in range(shape[0]):
                _pack_matrix(weight[expert], tiled[expert])
    return parts


def _pack_matrix(weight: Array, tiled: TiledArray) -> None:
    """One matrix [rows, columns]."""
    match weight:
        case Mxfp4Array(blocks, scales, order):
            is_halves = order is NibbleOrder.HALVES
            _kernels.pack_mxfp4_tiles(blocks, scales, is_halves, tiled.tiles)
        case Q8Array(values, scales):
            _kernels.pack_q8_tiles(values, scales, tiled.tiles)
        case _:
            assert isinstance(weight, np.ndarray)
            _kernels.pack_plain_tiles(plain_numbers(weight), tiled.tiles)


def plain_numbers(weight: NDArray[Any]) -> NDArray[Any]:
    """A matrix as kernels read it: columns are neighbours, bfloat16 is its bits.

    Hugging Face's bfloat16 experts are [in, out], so that their columns are not: they are copied.
    """
    numbers = weight.view(np.uint16) if weight.dtype == BF16 else weight
    are_neighbours = numbers.shape[1] < 2 or numbers.strides[1] == numbers.itemsize
    return numbers if are_neighbours else np.ascontiguousarray(numbers)
