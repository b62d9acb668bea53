"""ggml's Q8_0: 32 signed bytes that share one float16 scale (ggml-quants, block_q8_0).

ggml's MXFP4 blocks hold the numbers of ``mxfp4`` in another order: see ``NibbleOrder.HALVES``.
"""

import numpy as np

from ossia.numerics.arrays import BLOCK_SIZE, Float32, Q8Array

LARGEST_Q8 = float(np.finfo(np.float16).max) * 127
"""The largest magnitude that Q8_0 can hold."""


def dequantize_q8(array: Q8Array) -> Float32:
    """The exact products of value and scale as float32 [..., columns], C-contiguous.

    A scale that is infinite or NaN gives infinities and NaN, as float32's arithmetic has it.
    """
    scales = array.scales.astype(np.float32)[..., None]  # [..., blocks, 1]
    with np.errstate(invalid="ignore"):
        values = np.ascontiguousarray(array.values.astype(np.float32) * scales)
    return values.reshape(array.shape)


def quantize_q8(values: Float32) -> Q8Array:
    """Q8_0 of ``values`` [..., columns]: scale is the largest magnitude over 127.

    Values round to nearest, ties away from zero, as ggml does.

    Raises:
        ValueError: columns are no multiple of 32, or a value is not finite or beyond LARGEST_Q8.
    """
    if values.shape[-1] % BLOCK_SIZE:
        raise ValueError(f"{values.shape[-1]} columns are no multiple of {BLOCK_SIZE}")
    blocks = values.reshape(*values.shape[:-1], -1, BLOCK_SIZE).astype(np.float32)
    largest = np.abs(blocks).max(axis=-1, keepdims=True)  # [..., blocks, 1]
    if not (largest <= LARGEST_Q8).all():  # also false for NaN
        raise ValueError(f"Q8_0 holds magnitudes up to {LARGEST_Q8:.3g}, and one is not")
    scales = largest / np.float32(127)
    stored = scales.astype(np.float16)
    # Values divide by the scale before it is rounded; where it rounds to 0, they are 0.
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=stored > 0)
    return Q8Array(_round_half_away(blocks * inverse).astype(np.int8), stored[..., 0])


def _round_half_away(values: Float32) -> Float32:
    """Nearest whole numbers. Adding 0.5 would round too, and lift 0.49999997 to 1."""
    whole = np.trunc(values)
    return whole + np.copysign(np.abs(values - whole) >= np.float32(0.5), values)
