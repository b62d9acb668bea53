"""Rotary position embedding of the cpu backend (RoFormer, arXiv:2104.09864)."""

import numpy as np

from ossia.numerics.arrays import Float32, Int32
from ossia.ops.arrays import RopeTable
from ossia.ops.cpu import _kernels


def rope(x: Float32, positions: Int32, table: RopeTable) -> Float32:
    """See ``Ops.rope``. Angles are rounded to float32, as in the reference backend.

    Raises:
        ValueError: shapes do not agree.
    """
    return rope_and_name(x, positions, table)[0]


def rope_and_name(x: Float32, positions: Int32, table: RopeTable) -> tuple[Float32, str]:
    """As ``rope``, with the name of the instruction set whose code ran, by its own account."""
    y = np.empty(x.shape, np.float32)  # [tokens, heads, head_dim]
    return y, _kernels.rope(x, positions, table.frequencies, table.concentration, y)
