"""Tiles hold the same numbers, each where the layout says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.numerics import mxfp4
from ossia.numerics.arrays import Mxfp4Array, NibbleOrder, Q8Array, TiledArray
from ossia.numerics.dequantize import to_float32
from ossia.numerics.tiles import put_together, take_apart, tile, tiles_shape, untile

SHAPES = [(16, 1), (1, 1), (15, 2), (17, 3), (48, 5), (2, 33, 2), (3, 1, 1, 1)]


def random_mxfp4(*shape: int) -> Mxfp4Array:
    rng = np.random.default_rng(0)
    return Mxfp4Array(
        rng.integers(0, 256, (*shape, 16), dtype=np.uint8),
        rng.integers(0, 256, shape, dtype=np.uint8),
    )


def random_q8(*shape: int) -> Q8Array:
    rng = np.random.default_rng(0)
    return Q8Array(
        rng.integers(-128, 128, (*shape, 32), dtype=np.int8),
        rng.standard_normal(shape).astype(np.float16),
    )


@pytest.mark.parametrize("order", NibbleOrder)
@pytest.mark.parametrize("shape", SHAPES)
def test_mxfp4_comes_back_bit_for_bit(shape: tuple[int, ...], order: NibbleOrder) -> None:
    array = mxfp4.reorder_nibbles(random_mxfp4(*shape), order)
    tiled = tile(array)
    assert tiled.shape == array.shape
    assert tiled.values.shape == (*shape[:-2], -(-shape[-2] // 16), shape[-1], 256)
    back = untile(tiled)
    assert isinstance(back, Mxfp4Array)
    halves = mxfp4.reorder_nibbles(array, NibbleOrder.HALVES)
    np.testing.assert_array_equal(back.blocks, halves.blocks)
    np.testing.assert_array_equal(back.scales, halves.scales)
    np.testing.assert_array_equal(to_float32(tiled), to_float32(array))


@pytest.mark.parametrize("shape", SHAPES)
def test_q8_comes_back_bit_for_bit(shape: tuple[int, ...]) -> None:
    array = random_q8(*shape)
    tiled = tile(array)
    assert tiled.shape == array.shape
    assert tiled.values.shape == (*shape[:-2], -(-shape[-2] // 16), shape[-1], 512)
    back = untile(tiled)
    assert isinstance(back, Q8Array)
    np.testing.assert_array_equal(back.values, array.values)
    np.testing.assert_array_equal(back.scales, array.scales)
    np.testing.assert_array_equal(to_float32(tiled), to_float32(array))


@given(row=st.integers(0, 34), block=st.integers(0, 2), column=st.integers(0, 31))
def test_every_number_lies_where_the_layout_says(row: int, block: int, column: int) -> None:
    """The formulas of csrc/tiles.h, number by number."""
    fours, eights = random_mxfp4(35, 3), random_q8(35, 3)
    place = row // 16, block
    r, c = row % 16, column % 4

    byte = tile(fours).values[place].reshape(4, 16, 4)[column % 16 // 4, r, c]
    code = byte & 15 if column < 16 else byte >> 4
    expected = mxfp4.VALUES[code] * mxfp4.SCALES[tile(fours).scales[place][r]]
    found = mxfp4.dequantize(fours)[row, 32 * block + column]
    np.testing.assert_array_equal(expected, found)

    byte = tile(eights).values[place].reshape(8, 16, 4)[column // 4, r, c]
    assert int(byte) - 128 == eights.values[row, block, column]
    assert tile(eights).scales[place][r] == eights.scales[row, block]


def test_rows_past_the_last_one_are_zeros() -> None:
    for array, rest in ((random_mxfp4(17, 2), 0), (random_q8(17, 2), 128)):
        tiled = tile(array)
        values = tiled.values[1].reshape(2, -1, 16, 4)
        assert (values[:, :, 1:] == rest).all()
        assert (tiled.scales[1][:, 1:] == 0).all()
        full = TiledArray(tiled.tiles, rows=32, columns=64)
        assert (to_float32(full)[17:] == 0).all()


def test_columns_past_the_last_one_are_not_given_back() -> None:
    tiled = tile(random_q8(5, 2))
    narrow = TiledArray(tiled.tiles, rows=5, columns=40)
    found = to_float32(narrow)
    assert found.shape == narrow.shape == (5, 40)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, to_float32(tiled)[:, :40])


def test_experts_are_views() -> None:
    array = random_mxfp4(3, 20, 2)
    tiled = tile(array)
    assert tiled[1].shape == (20, 64)
    assert np.shares_memory(tiled[1].values, tiled.values)
    np.testing.assert_array_equal(to_float32(tiled[1]), to_float32(array[1]))


def test_how_many_tiles_and_blocks() -> None:
    for rows, row_tiles in ((0, 0), (1, 1), (16, 1), (17, 2), (2880, 180)):
        assert tiles_shape((4, rows, 64), True, 2) == (4, row_tiles, 2, 2, 272)
    for columns, blocks in ((0, 0), (1, 1), (32, 1), (33, 2), (2880, 90)):
        assert tiles_shape((16, columns), False, 1) == (1, 1, blocks, 544)


def test_row_tiles_that_take_turns_are_taken_apart_again() -> None:
    rng = np.random.default_rng(5)
    blocks = rng.integers(0, 256, (2, 3, 33, 2, 16), dtype=np.uint8)
    scales = rng.integers(110, 130, (2, 3, 33, 2), dtype=np.uint8)
    arrays = [tile(Mxfp4Array(blocks[i], scales[i])) for i in range(2)]
    together = put_together(arrays)
    assert together.shape == tiles_shape((3, 33, 64), True, 2)
    for found, array in zip(take_apart(together, 33, 64), arrays, strict=True):
        assert np.shares_memory(found.tiles, together)
        assert found.shape == array.shape == (3, 33, 64)
        np.testing.assert_array_equal(found.tiles, array.tiles)
        np.testing.assert_array_equal(to_float32(found[1]), to_float32(array[1]))
