"""Any stored array as float32: the one place that lists the formats."""

import numpy as np

from ossia.numerics import ggml, mxfp4, tiles
from ossia.numerics.arrays import Array, Float32, Mxfp4Array, Q8Array, TiledArray
from ossia.numerics.bf16 import BF16, widen


def to_float32(array: Array) -> Float32:
    """The exact values of ``array``, C-contiguous; float32 that is so already is not copied."""
    if isinstance(array, TiledArray):
        return np.ascontiguousarray(to_float32(tiles.untile(array))[..., : array.columns])
    if isinstance(array, Mxfp4Array):
        return mxfp4.dequantize(array)
    if isinstance(array, Q8Array):
        return ggml.dequantize_q8(array)
    if array.dtype == BF16:
        return widen(array)
    return np.ascontiguousarray(array, np.float32)
