"""Rotary position embedding of the reference backend (RoFormer, arXiv:2104.09864)."""

import numpy as np

from ossia.numerics.arrays import Float32, Int32
from ossia.ops.arrays import RopeTable


def rope(x: Float32, positions: Int32, table: RopeTable) -> Float32:
    """See ``Ops.rope``."""
    angles = positions.astype(np.float32)[:, None] * table.frequencies  # [tokens, head_dim / 2]
    scale = np.float32(table.concentration)
    cos = (np.cos(angles) * scale)[:, None, :]  # [tokens, 1, head_dim / 2]
    sin = (np.sin(angles) * scale)[:, None, :]
    first, second = np.split(x, 2, axis=-1)  # [tokens, heads, head_dim / 2] each
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
