import numpy as np
import pytest

from ossia.numerics.mxfp4 import dequantize, quantize
from ossia.ops.reference import embed, gather_rows, linear
from ossia.ops.reference.linear import VALUES_AT_ONCE


@pytest.mark.parametrize("rows", [1, 7, 201, VALUES_AT_ONCE // 64 + 3])
def test_linear_equals_the_product_and_each_row_stands_alone(rows: int) -> None:
    random = np.random.default_rng(rows)
    x = random.normal(size=(5, 64)).astype(np.float32)
    weight = random.normal(size=(rows, 64)).astype(np.float32)
    bias = random.normal(size=rows).astype(np.float32)
    y = linear(x, weight, bias)
    exact = x.astype(np.float64) @ weight.T.astype(np.float64) + bias
    np.testing.assert_allclose(y, exact, rtol=1e-4, atol=1e-4)
    for token in range(5):
        assert (linear(x[token : token + 1], weight, bias) == y[token : token + 1]).all()


def test_block_weights_are_read_where_they_lie() -> None:
    random = np.random.default_rng(0)
    weight = quantize(random.normal(size=(10, 96)).astype(np.float32))
    x = random.normal(size=(3, 96)).astype(np.float32)
    np.testing.assert_allclose(linear(x, weight), x @ dequantize(weight).T, rtol=1e-4, atol=1e-4)


def test_embed_and_gather_rows_pick_rows() -> None:
    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    ids = np.array([3, 0, 3], np.int32)
    assert (embed(table, ids) == table[[3, 0, 3]]).all()
    assert (gather_rows(table, ids) == table[[3, 0, 3]]).all()
