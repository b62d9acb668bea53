"""Normalisation of the cpu backend."""

import numpy as np

from ossia.numerics.arrays import Array, Float32
from ossia.numerics.dequantize import to_float32
from ossia.ops.cpu import _kernels


def rms_norm(x: Float32, weight: Array, eps: float) -> Float32:
    """See ``Ops.rms_norm``. All instruction sets give the same bits.

    Raises:
        ValueError: shapes do not agree.
    """
    return rms_norm_and_name(x, weight, eps)[0]


def rms_norm_and_name(x: Float32, weight: Array, eps: float) -> tuple[Float32, str]:
    """As ``rms_norm``, with the name of the instruction set that ran, by its own account."""
    y = np.empty(x.shape, np.float32)  # [tokens, hidden]
    return y, _kernels.rms_norm(x, to_float32(weight), eps, y)
