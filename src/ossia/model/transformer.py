"""The forward pass of gpt-oss, written once for every backend.

It reads like the model card (arXiv:2508.10925): pre-norm attention with sinks, alternating between
a sliding window and the whole context, then a mixture of SwiGLU experts, both added to the
residual stream. Knows no text, no request and no device; ``ops`` does all arithmetic.
"""

from collections.abc import Sequence

import numpy as np

from ossia.model.config import Config
from ossia.model.params import AttentionParams, ExpertsParams, Params
from ossia.numerics.arrays import Float32
from ossia.ops.arrays import Batch, KVPages, RopeTable
from ossia.ops.spec import Ops


@np.errstate(over="ignore", invalid="ignore")
def forward(
    params: Params,
    config: Config,
    rope: RopeTable,
    batch: Batch,
    pages: Sequence[KVPages],
    ops: Ops,
) -> Float32:
    """Logits [outputs, vocabulary] of the tokens that ``batch.output_rows`` names.

    Keys and values of all tokens of the batch are stored in ``pages``, one entry a layer. Damaged
    weights give logits that are no numbers, without a warning on the way: the sampler reports them.
    """
    x = ops.embed(params.embedding, batch.token_ids)  # [tokens, hidden]
    for layer, window, layer_pages in zip(params.layers, config.windows, pages, strict=True):
        x = x + _attention(layer.attention, x, config, rope, batch, layer_pages, window, ops)
        x = x + _experts(layer.experts, x, config, ops)
    rows = ops.gather_rows(x, batch.output_rows)  # [outputs, hidden]
    return ops.linear(ops.rms_norm(rows, params.norm, config.norm_eps), params.unembedding)


def _attention(
    params: AttentionParams,
    x: Float32,
    config: Config,
    rope: RopeTable,
    batch: Batch,
    pages: KVPages,
    window: int | None,
    ops: Ops,
) -> Float32:
    table = batch.full if window is None else batch.sliding
    x = ops.rms_norm(x, params.norm, config.norm_eps)  # [tokens, hidden]
    q = ops.linear(x, params.q, params.q_bias).reshape(-1, config.heads, config.head_dim)
    k = ops.linear(x, params.k, params.k_bias).reshape(-1, config.kv_heads, config.head_dim)
    v = ops.linear(x, params.v, params.v_bias).reshape(-1, config.kv_heads, config.head_dim)
    q = ops.rope(q, batch.positions, rope)
    k = ops.rope(k, batch.positions, rope)
    ops.store_kv(k, v, pages, table)
    mixed = ops.attention(q, params.sinks, batch, pages, table, window)  # [tokens, heads*head_dim]
    return ops.linear(mixed, params.out, params.out_bias)  # [tokens, hidden]


def _experts(params: ExpertsParams, x: Float32, config: Config, ops: Ops) -> Float32:
    x = ops.rms_norm(x, params.norm, config.norm_eps)  # [tokens, hidden]
    logits = ops.linear(x, params.router, params.router_bias)  # [tokens, experts]
    expert_ids, expert_weights = ops.route(logits, config.active_experts)  # [tokens, active]
    return ops.experts(
        x,
        expert_ids,
        expert_weights,
        params.gate,
        params.gate_bias,
        params.up,
        params.up_bias,
        params.down,
        params.down_bias,
        config.swiglu_limit,
    )
