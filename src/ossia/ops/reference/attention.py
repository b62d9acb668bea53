"""Paged attention with sinks and a sliding window, of the reference backend."""

import numpy as np

from ossia.base.errors import ResourceError
from ossia.numerics.arrays import Array, Float32
from ossia.numerics.dequantize import to_float32
from ossia.ops.arrays import PAGE_SIZE, Batch, KVPages, PageTable


def allocate_pages(num_pages: int, kv_heads: int, head_dim: int) -> KVPages:
    """See ``Ops.allocate_pages``. Untouched pages cost no memory yet."""
    shape = (num_pages, PAGE_SIZE, kv_heads, head_dim)
    try:
        return KVPages(np.zeros(shape, np.float32), np.zeros(shape, np.float32))
    except MemoryError as error:
        needed = 8 * num_pages * PAGE_SIZE * kv_heads * head_dim
        raise ResourceError(
            f"the KV cache of one layer needs {needed / 2**20:.0f} MiB, which the system refused; "
            "ask for a shorter --context"
        ) from error


def store_kv(k: Float32, v: Float32, pages: KVPages, table: PageTable) -> None:
    """See ``Ops.store_kv``."""
    page, offset = np.divmod(table.slots, PAGE_SIZE)  # [tokens] each
    pages.keys[page, offset] = k
    pages.values[page, offset] = v


def attention(
    q: Float32,
    sinks: Array,
    batch: Batch,
    pages: KVPages,
    table: PageTable,
    window: int | None,
) -> Float32:
    """See ``Ops.attention``."""
    num_tokens, heads, head_dim = q.shape
    kv_heads = pages.keys.shape[2]
    group = heads // kv_heads  # query heads that share a key/value head
    sink = to_float32(sinks).reshape(kv_heads, group, 1)
    scaled = (q * np.float32(head_dim**-0.5)).reshape(num_tokens, kv_heads, group, head_dim)
    y = np.empty_like(scaled)
    for sequence, logical_pages in enumerate(table.pages):
        first, last = batch.sequence_starts[sequence : sequence + 2]
        if first == last:
            continue
        start = _first_visible(int(batch.positions[first]), window) // PAGE_SIZE * PAGE_SIZE
        stop = int(batch.positions[last - 1]) + 1
        visible = logical_pages[start // PAGE_SIZE : -(-stop // PAGE_SIZE)]
        keys = _gather(pages.keys, visible)  # [kv_heads, context, head_dim]
        values = _gather(pages.values, visible)
        for token in range(first, last):
            position = int(batch.positions[token])
            seen = slice(_first_visible(position, window) - start, position + 1 - start)
            y[token] = _attend(scaled[token], keys[:, seen], values[:, seen], sink)
    return y.reshape(num_tokens, heads * head_dim)


def _first_visible(position: int, window: int | None) -> int:
    return 0 if window is None else max(0, position - window + 1)


def _gather(stored: Float32, page_ids: np.ndarray) -> Float32:
    """Pages [pages, PAGE_SIZE, kv_heads, head_dim] to one run [kv_heads, context, head_dim]."""
    run = stored[page_ids].reshape(-1, *stored.shape[2:])  # [context, kv_heads, head_dim]
    return np.ascontiguousarray(run.transpose(1, 0, 2))


def _attend(q: Float32, keys: Float32, values: Float32, sink: Float32) -> Float32:
    """One token: q [kv_heads, group, head_dim] over keys and values [kv_heads, context, head_dim].

    Token by token, so that the bits do not depend on how a prompt was cut into chunks.
    """
    scores = np.matmul(q, keys.transpose(0, 2, 1))  # [kv_heads, group, context]
    highest = np.maximum(scores.max(axis=-1, keepdims=True), sink)  # [kv_heads, group, 1]
    weights = np.exp(scores - highest)
    total = weights.sum(axis=-1, keepdims=True) + np.exp(sink - highest)
    y: Float32 = np.matmul(weights / total, values)
    return y  # [kv_heads, group, head_dim]
