"""bfloat16: the upper half of a float32 (1 sign, 8 exponent and 7 fraction bits)."""

from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from ossia.numerics.arrays import Float32

BF16 = np.dtype(ml_dtypes.bfloat16)
"""NumPy's name for the type, as registered by ml_dtypes."""


def round_to_bf16(values: Float32) -> NDArray[Any]:
    """The nearest bfloat16 of each value, ties to even; NaN stays NaN."""
    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
        return values.astype(BF16)


def widen(values: NDArray[Any]) -> Float32:
    """Exact float32 of bfloat16 values, by shifting their bits into place."""
    bits = np.ascontiguousarray(values).view(np.uint16).astype(np.uint32)
    return np.left_shift(bits, 16, out=bits).view(np.float32)
