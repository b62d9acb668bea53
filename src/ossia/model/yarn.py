"""The YaRN table: rotary frequencies stretched to a longer context (arXiv:2309.00071).

Frequencies that turn many times within the original context stay as they are, those that turn
less than once are divided by the factor, and in between the two blend along a ramp.
"""

import math

import numpy as np

from ossia.model.config import Rope
from ossia.numerics.arrays import Float32
from ossia.ops.arrays import RopeTable


def rope_table(rope: Rope, head_dim: int) -> RopeTable:
    """Frequencies [head_dim / 2] and concentration for ``Ops.rope``."""
    exponents = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    plain = 1 / np.power(np.float32(rope.theta), exponents)  # [head_dim / 2], radians a token
    if rope.factor == 1:
        return RopeTable(plain, 1.0)
    ramp = _ramp(rope, head_dim)
    stretched = plain / np.float32(rope.factor)
    concentration = 0.1 * math.log(max(1, rope.factor)) + 1
    return RopeTable(stretched * ramp + plain * (1 - ramp), concentration)


def _ramp(rope: Rope, head_dim: int) -> Float32:
    """0 where a frequency is kept, 1 where it is stretched; [head_dim / 2]."""
    low, high = (
        _dimension(rope, head_dim, rope.beta_fast),
        _dimension(rope, head_dim, rope.beta_slow),
    )
    if rope.is_truncated:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    if low == high:
        high += 0.001  # one dimension wide: a step, not a division by zero
    index = np.arange(head_dim // 2, dtype=np.float32)
    ramp: Float32 = np.clip((index - np.float32(low)) / np.float32(high - low), 0, 1)
    return ramp


def _dimension(rope: Rope, head_dim: int, rotations: float) -> float:
    """The (fractional) dimension that turns so many times within the original context."""
    turns = rope.original_context / (rotations * 2 * math.pi)
    return head_dim * math.log(turns) / (2 * math.log(rope.theta))
