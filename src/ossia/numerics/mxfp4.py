"""MXFP4 (OCP Microscaling Formats v1.0): 32 values of 4 bits that share one power of two.

A value is E2M1: 1 sign, 2 exponent (bias 1) and 1 fraction bit, so 0, 0.5, 1, 1.5, 2, 3, 4 or 6
with a sign. A scale is E8M0: 2**(byte - 127), and byte 255 is NaN.
"""

import numpy as np
from numpy.typing import NDArray

from ossia.numerics.arrays import BLOCK_SIZE, Float32, Mxfp4Array, NibbleOrder

MAGNITUDES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
"""What the lower three bits of a value mean; the fourth is the sign."""

VALUES = np.concatenate([MAGNITUDES, -MAGNITUDES])  # [16], float32

SCALES = np.append(np.ldexp(np.float32(1), np.arange(255) - 127), np.float32(np.nan))  # [256]

PAIRS = np.stack([VALUES[np.arange(256) & 15], VALUES[np.arange(256) >> 4]], axis=-1)
"""float32 [256, 2]: the low and the high nibble's value of every byte."""

LARGEST_EXPONENT = 2
"""Exponent of the largest value, 6 = 1.5 * 2**2."""

_SIGN, _LOW_NIBBLE, _HIGH = np.uint8(8), np.uint8(15), np.uint8(4)


def dequantize(array: Mxfp4Array) -> Float32:
    """The exact values as float32 [..., columns], C-contiguous.

    Products beyond float32's range become infinite or denormal as its arithmetic has it.
    """
    pairs = np.take(PAIRS, array.blocks, axis=0)  # [..., blocks, 16, 2]; 10 times faster than []
    if array.nibble_order is NibbleOrder.HALVES:
        pairs = np.swapaxes(pairs, -1, -2)  # [..., blocks, 2, 16]
    values = pairs.reshape(*array.scales.shape, BLOCK_SIZE)  # [..., blocks, 32]
    with np.errstate(over="ignore", invalid="ignore"):
        values *= SCALES[array.scales][..., None]
    return values.reshape(array.shape)


def quantize(values: Float32) -> Mxfp4Array:
    """``values`` [..., columns] in MXFP4, by the recipe of the specification (section 6.3).

    The scale is 2**(floor(log2(largest magnitude)) - 2), at least 2**-127; values round to
    nearest, ties to even, and saturate at 6 times the scale. Signs stay, those of zeros too. A
    block that holds a NaN or infinity gets a NaN scale.

    Raises:
        ValueError: columns are no multiple of 32.
    """
    if values.shape[-1] % BLOCK_SIZE:
        raise ValueError(f"{values.shape[-1]} columns are no multiple of {BLOCK_SIZE}")
    blocks = values.reshape(*values.shape[:-1], -1, BLOCK_SIZE).astype(np.float32)
    is_finite = np.isfinite(blocks).all(axis=-1, keepdims=True)  # [..., blocks, 1]
    blocks = np.where(is_finite, blocks, 0)
    largest = np.abs(blocks).max(axis=-1, keepdims=True)  # [..., blocks, 1]
    _, exponents = np.frexp(largest)  # largest = m * 2**e, 0.5 <= m < 1
    biased = np.where(largest > 0, np.maximum(exponents - 1 - LARGEST_EXPONENT + 127, 0), 0)
    codes = _nearest_codes(np.ldexp(blocks, 127 - biased))
    scales = np.where(is_finite, biased, 255).astype(np.uint8)[..., 0]
    packed = codes[..., 0::2] | (codes[..., 1::2] << _HIGH)  # [..., blocks, 16]
    return Mxfp4Array(packed, scales)


def _nearest_codes(scaled: Float32) -> NDArray[np.uint8]:
    """Four-bit codes of values that are already divided by their scale."""
    magnitudes = np.abs(scaled)
    midpoints = (MAGNITUDES[:-1] + MAGNITUDES[1:]) / 2  # [7]
    codes = np.zeros(scaled.shape, np.uint8)
    for code, midpoint in enumerate(midpoints):
        # A tie goes to the even code: up from an odd one, down from an even one.
        codes += magnitudes >= midpoint if code % 2 else magnitudes > midpoint
    return codes + np.where(np.signbit(scaled), _SIGN, np.uint8(0))


def reorder_nibbles(array: Mxfp4Array, order: NibbleOrder) -> Mxfp4Array:
    """The same values with their nibbles in the other order; no copy when they are already."""
    if array.nibble_order is order:
        return array
    blocks = array.blocks
    if order is NibbleOrder.HALVES:  # values 0..31 lie as (0, 1), (2, 3), ...
        first, second = blocks[..., :8], blocks[..., 8:]  # values 0..15 and 16..31
        even = (first & _LOW_NIBBLE) | (second << _HIGH)
        odd = (first >> _HIGH) | (second & ~_LOW_NIBBLE)
        packed = np.stack([even, odd], axis=-1).reshape(blocks.shape)
    else:  # values lie as (0, 16), (1, 17), ...
        even, odd = blocks[..., 0::2], blocks[..., 1::2]
        low = (even & _LOW_NIBBLE) | (odd << _HIGH)
        high = (even >> _HIGH) | (odd & ~_LOW_NIBBLE)
        packed = np.concatenate([low, high], axis=-1)
    return Mxfp4Array(packed, array.scales, order)
