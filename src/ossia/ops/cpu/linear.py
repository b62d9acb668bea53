"""Matrix products of the cpu backend; looking up rows is the reference's."""

import numpy as np

from ossia.numerics.arrays import Array, Float32, TiledArray
from ossia.ops.cpu import _kernels
from ossia.ops.cpu.released import linear_released
from ossia.ops.reference.linear import embed, gather_rows

__all__ = ["embed", "gather_rows", "linear"]


def linear(x: Float32, weight: Array, bias: Array | None = None) -> Float32:
    """See ``Ops.linear``.

    A tiled weight meets x rounded to 8 bits, one scale for every 32 columns; any other is computed
    with as it is, in float32.

    Raises:
        TypeError: an array has another dtype than it must.
        ValueError: shapes do not agree, or x is not contiguous.
    """
    if not isinstance(weight, TiledArray):
        return linear_released(x, weight, bias)
    if x.shape[-1] != weight.columns:  # the kernel sees whole blocks only
        raise ValueError(f"x has {x.shape[-1]} columns, the weight {weight.columns}")
    y = np.empty((len(x), weight.rows), np.float32)
    _kernels.linear_q8_tiles(x, weight.tiles, bias, y)
    return y
