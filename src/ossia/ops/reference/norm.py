"""Normalisation of the reference backend."""

import numpy as np

from ossia.numerics.arrays import Array, Float32
from ossia.numerics.dequantize import to_float32


def rms_norm(x: Float32, weight: Array, eps: float) -> Float32:
    """See ``Ops.rms_norm``."""
    mean_square = np.mean(np.square(x), axis=-1, keepdims=True)  # [tokens, 1]
    y: Float32 = x / np.sqrt(mean_square + np.float32(eps)) * to_float32(weight)
    return y  # [tokens, hidden]
