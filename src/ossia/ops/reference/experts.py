"""Mixture of experts of the reference backend: the router's choice, and SwiGLU experts."""

from collections.abc import Callable

import numpy as np

from ossia.numerics.arrays import Array, Float32, Int32
from ossia.ops.reference.linear import linear
from ossia.ops.spec import SWIGLU_ALPHA


def route(logits: Float32, active: int) -> tuple[Int32, Float32]:
    """See ``Ops.route``."""
    order = np.argsort(-logits, axis=-1, kind="stable")[:, :active]  # [tokens, active]
    chosen = np.take_along_axis(logits, order, axis=-1)
    weights = np.exp(chosen - chosen[:, :1])
    return order.astype(np.int32), weights / weights.sum(axis=-1, keepdims=True)


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
    """See ``Ops.experts``."""
    return mix(
        linear,
        x,
        expert_ids,
        expert_weights,
        (gate, up, down),
        (gate_bias, up_bias, down_bias),
        limit,
    )


def mix(
    multiply: Callable[[Float32, Array, Array | None], Float32],
    x: Float32,
    expert_ids: Int32,
    expert_weights: Float32,
    matrices: tuple[Array, Array, Array],
    biases: tuple[Array, Array, Array],
    limit: float,
) -> Float32:
    """``experts`` over any matrix product, for backends whose weights may lie as in files."""
    gate, up, down = matrices
    gate_bias, up_bias, down_bias = biases
    outputs = np.empty((*expert_ids.shape, x.shape[1]), np.float32)  # [tokens, active, hidden]
    for expert in np.unique(expert_ids):  # each expert is dequantised once for all its tokens
        tokens, ranks = np.nonzero(expert_ids == expert)
        g = multiply(x[tokens], gate[expert], gate_bias[expert])  # [chosen tokens, inter]
        u = multiply(x[tokens], up[expert], up_bias[expert])
        inner = swiglu(g, u, limit)  # [chosen tokens, inter]
        outputs[tokens, ranks] = multiply(inner, down[expert], down_bias[expert])
    y = np.zeros_like(x)
    for rank in range(expert_ids.shape[1]):  # always from the highest weight to the lowest
        y += outputs[:, rank] * expert_weights[:, rank, None]
    return y


def swiglu(gate: Float32, up: Float32, limit: float) -> Float32:
    """gpt-oss's clamped SwiGLU: g * sigmoid(1.702 * g) * (u + 1), all [tokens, inter]."""
    gate = np.minimum(gate, np.float32(limit))
    up = np.clip(up, np.float32(-limit), np.float32(limit))
    with np.errstate(over="ignore"):  # exp of a large number is inf, and 1 / inf the right 0
        sigmoid = 1 / (1 + np.exp(np.float32(-SWIGLU_ALPHA) * gate))
    y: Float32 = gate * sigmoid * (up + 1)
    return y
