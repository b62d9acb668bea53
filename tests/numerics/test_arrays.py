"""Block arrays say their logical shape and cut views of leading axes without a copy."""

import numpy as np
import pytest

from ossia.numerics.arrays import Mxfp4Array, NibbleOrder, Q8Array
from ossia.numerics.dequantize import to_float32

INDICES = [0, -1, slice(1, 3), slice(None, None, 2), np.array([2, 0, 2]), (1, 2), (0, slice(1, 3))]


def mxfp4(order: NibbleOrder = NibbleOrder.HALVES) -> Mxfp4Array:
    random = np.random.default_rng(3)
    scales = random.integers(120, 130, (3, 4, 2), np.uint8)
    return Mxfp4Array(random.integers(0, 256, (3, 4, 2, 16), np.uint8), scales, order)


def q8() -> Q8Array:
    random = np.random.default_rng(4)
    scales = random.uniform(0.1, 2, (3, 4, 2)).astype(np.float16)
    return Q8Array(random.integers(-128, 128, (3, 4, 2, 32), np.int8), scales)


@pytest.mark.parametrize(("array", "nbytes"), [(mxfp4(), 24 * 17), (q8(), 24 * 34)])
def test_shape_is_in_values_and_nbytes_in_bytes(array: Mxfp4Array | Q8Array, nbytes: int) -> None:
    assert array.shape == (3, 4, 64)
    assert array.nbytes == nbytes


@pytest.mark.parametrize("array", [mxfp4(), mxfp4(NibbleOrder.ADJACENT), q8()])
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_a_part_has_the_values_of_that_part(array: Mxfp4Array | Q8Array, index: object) -> None:
    part = to_float32(array[index])
    assert part.shape == array[index].shape
    np.testing.assert_array_equal(part, to_float32(array)[index])  # type: ignore[index]


def test_slices_are_views() -> None:
    array, other = mxfp4(), q8()
    assert np.shares_memory(array[1:].blocks, array.blocks)
    assert np.shares_memory(array[1].scales, array.scales)
    assert array[1].nibble_order is NibbleOrder.HALVES
    assert np.shares_memory(other[1:].values, other.values)
