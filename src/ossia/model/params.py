"""The weights as a tree. Every leaf is an ``Array``: a view of the file, or what a backend made.

Matrices are [out, in]; expert matrices [experts, out, in].
"""

from dataclasses import dataclass

from ossia.numerics.arrays import Array


@dataclass(frozen=True, eq=False)
class AttentionParams:
    """One layer's attention; q, k, v, out are matrices, each with its bias."""

    norm: Array  # [hidden]
    q: Array  # [heads * head_dim, hidden]
    q_bias: Array
    k: Array  # [kv_heads * head_dim, hidden]
    k_bias: Array
    v: Array  # [kv_heads * head_dim, hidden]
    v_bias: Array
    out: Array  # [hidden, heads * head_dim]
    out_bias: Array
    sinks: Array  # [heads]


@dataclass(frozen=True, eq=False)
class ExpertsParams:
    """One layer's router and experts."""

    norm: Array  # [hidden]
    router: Array  # [experts, hidden]
    router_bias: Array  # [experts]
    gate: Array  # [experts, inter, hidden]
    gate_bias: Array  # [experts, inter]
    up: Array  # [experts, inter, hidden]
    up_bias: Array  # [experts, inter]
    down: Array  # [experts, hidden, inter]
    down_bias: Array  # [experts, hidden]


@dataclass(frozen=True, eq=False)
class LayerParams:
    """One layer."""

    attention: AttentionParams
    experts: ExpertsParams


@dataclass(frozen=True, eq=False)
class Params:
    """A whole model."""

    embedding: Array  # [vocabulary, hidden]
    layers: tuple[LayerParams, ...]
    norm: Array  # [hidden]
    unembedding: Array  # [vocabulary, hidden]
