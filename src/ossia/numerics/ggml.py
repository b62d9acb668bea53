"""ggml's Q8_0: 32 signed bytes that share one float16 scale (ggml-quants, block_q8_0).

ggml's MXFP4 blocks hold the numbers of ``mxfp4`` in another order: see ``NibbleOrder.HALVES``.
"""

import numpy as np

from ossia.numerics.arrays import BLOCK_SIZE, Float32, Q8Array


def dequantize_q8(array: Q8Array) -> Float32:
    """The exact products of value and scale as float32 [..., columns], C-contiguous."""
    values = array.values.astype(np.float32) * array.scales.astype(np.float32)[..., None]
    return np.ascontiguousarray(values).reshape(array.shape)


def quantize_q8(values: Float32) -> Q8Array:
    """Q8_0 of ``values`` [..., columns]: scale is the largest magnitude over 127.

    Values round to nearest, ties away from zero, as ggml does.

    Raises:
        ValueError: columns are no multiple of 32.
    """
    if values.shape[-1] % BLOCK_SIZE:
        raise ValueError(f"{values.shape[-1]} columns are no multiple of {BLOCK_SIZE}")
    blocks = values.reshape(*values.shape[:-1], -1, BLOCK_SIZE).astype(np.float32)
    scales = np.abs(blocks).max(axis=-1) / np.float32(127)  # [..., blocks]
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales > 0)
    scaled = blocks * inverse[..., None]
    rounded = np.copysign(np.floor(np.abs(scaled) + np.float32(0.5)), scaled)
    return Q8Array(rounded.astype(np.int8), scales.astype(np.float16))
