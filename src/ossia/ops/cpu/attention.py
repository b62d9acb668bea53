"""Paged attention of the cpu backend, over keys and values in bfloat16.

The layout inside a page is the kernels' (csrc/kv_pages.h). Scores, softmax and results are
float32; with the instruction set avx512bf16, queries and softmax weights are rounded to bfloat16
before they meet keys and values, sums stay float32.
"""

import numpy as np

from ossia.base.errors import ResourceError
from ossia.numerics.arrays import Array, Float32
from ossia.numerics.dequantize import to_float32
from ossia.ops.arrays import PAGE_SIZE, Batch, KVPages, PageTable
from ossia.ops.cpu import _kernels

LANES = 16
"""A value's dimensions are padded to a multiple of this many."""


def kv_item_bytes() -> int:
    """See ``Ops.kv_item_bytes``."""
    return 2


def allocate_pages(num_pages: int, kv_heads: int, head_dim: int) -> KVPages:
    """See ``Ops.allocate_pages``. Untouched pages are zeros and cost no memory yet."""
    padded = -(-head_dim // LANES) * LANES
    try:
        return KVPages(
            np.zeros((num_pages, kv_heads, head_dim // 2, PAGE_SIZE, 2), np.uint16),
            np.zeros((num_pages, kv_heads, PAGE_SIZE // 2, padded, 2), np.uint16),
        )
    except MemoryError as error:
        needed = 2 * num_pages * PAGE_SIZE * kv_heads * (head_dim + padded)
        raise ResourceError(
            f"the KV cache of one layer needs {needed / 2**20:.0f} MiB, which the system refused; "
            "ask for a shorter --context"
        ) from error


def store_kv(k: Float32, v: Float32, pages: KVPages, table: PageTable) -> None:
    """See ``Ops.store_kv``. Rounds to bfloat16, ties to even.

    The tokens of a page must come in order: one that is stored at a page's first place clears it.

    Raises:
        ValueError: shapes do not agree, or a slot lies outside the pages.
    """
    _kernels.store_kv(k, v, table.slots, pages.keys, pages.values)


def attention(
    q: Float32,
    sinks: Array,
    batch: Batch,
    pages: KVPages,
    table: PageTable,
    window: int | None,
) -> Float32:
    """See ``Ops.attention``.

    Raises:
        ValueError: shapes do not agree, or a token sees a page that is not there.
    """
    return attention_and_name(q, sinks, batch, pages, table, window)[0]


def attention_and_name(
    q: Float32,
    sinks: Array,
    batch: Batch,
    pages: KVPages,
    table: PageTable,
    window: int | None,
) -> tuple[Float32, str]:
    """As ``attention``, with the name of the instruction set whose code ran, by its own account."""
    num_tokens, heads, head_dim = q.shape
    y = np.empty((num_tokens, heads * head_dim), np.float32)
    ran = _kernels.attention(
        q,
        to_float32(sinks),
        batch.positions,
        batch.sequence_starts,
        table.pages,
        pages.keys,
        pages.values,
        window or 0,
        y,
    )
    return y, ran
