"""Matrix products and row look-ups of the reference backend."""

import numpy as np

from ossia.numerics.arrays import Array, Float32, Int32
from ossia.numerics.dequantize import to_float32

ROWS_AT_ONCE = 8192
"""Weight rows turned into float32 at a time, so that a large vocabulary stays small in memory."""


def embed(embedding: Array, token_ids: Int32) -> Float32:
    """See ``Ops.embed``."""
    return to_float32(embedding[token_ids])  # [tokens, hidden]


def linear(x: Float32, weight: Array, bias: Array | None = None) -> Float32:
    """See ``Ops.linear``."""
    num_rows = weight.shape[0]
    y = np.empty((x.shape[0], num_rows), np.float32)  # [tokens, out]
    for first in range(0, num_rows, ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        y[:, rows] = multiply_rows(x, to_float32(weight[rows]))
    return y if bias is None else y + to_float32(bias)


def multiply_rows(x: Float32, weight: Float32) -> Float32:
    """X [tokens, in] times weight [out, in] transposed, each token by itself.

    A matrix product of all tokens at once would be faster, but BLAS picks its summation order by
    shape: one matrix-vector product a token gives the same bits in every batch.
    """
    return np.matmul(weight[None], x[:, :, None])[:, :, 0]  # [tokens, out]


def gather_rows(x: Float32, rows: Int32) -> Float32:
    """See ``Ops.gather_rows``."""
    return x[rows]  # [outputs, hidden]
