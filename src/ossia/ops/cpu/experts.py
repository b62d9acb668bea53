"""Mixture of experts of the cpu backend."""

import numpy as np

from ossia.numerics.arrays import Array, Float32, Int32, TiledArray
from ossia.ops.cpu import _kernels
from ossia.ops.cpu.released import linear_released
from ossia.ops.reference.experts import mix


def route(logits: Float32, active: int) -> tuple[Int32, Float32]:
    """See ``Ops.route``."""
    ids = np.empty((len(logits), active), np.int32)
    weights = np.empty((len(logits), active), np.float32)
    _kernels.route(logits, ids, weights)
    return ids, weights


def experts(
    x: Float32,
    expert_ids: Int32,
    expert_weights: Float32,
    gate: Array,
    gate_bias: Array,
    up: Array,
    up_bias: Array,
    down: Array,
    down_bias: Array,
    limit: float,
) -> Float32:
    """See ``Ops.experts``. Activations are rounded to 8 bits before both products, as ``linear``'s.

    Weights are all tiled, or all as files hold them.
    """
    if not isinstance(gate, TiledArray):
        matrices, biases = (gate, up, down), (gate_bias, up_bias, down_bias)
        return mix(linear_released, x, expert_ids, expert_weights, matrices, biases, limit)
    assert isinstance(up, TiledArray)
    assert isinstance(down, TiledArray)
    y = np.empty_like(x)
    _kernels.experts_q8_tiles(
        x,
        expert_ids,
        expert_weights,
        gate.tiles,
        gate_bias,
        up.tiles,
        up_bias,
        down.tiles,
        down_bias,
        limit,
        y,
    )
    return y
