"""MXFP4 against ml_dtypes (the OCP formats as types) and gguf (ggml's blocks)."""

import ml_dtypes
import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ossia.numerics.arrays import BLOCK_SIZE, Float32, Mxfp4Array, NibbleOrder
from ossia.numerics.mxfp4 import (
    MAGNITUDES,
    PAIRS,
    SCALES,
    VALUES,
    dequantize,
    quantize,
    reorder_nibbles,
)

MXFP4 = GGMLQuantizationType.MXFP4
LARGEST = float(np.finfo(np.float32).max)


def every_pair(order: NibbleOrder) -> Mxfp4Array:
    """[256, 512]: in row s all blocks have scale s, and every byte is somewhere in the row."""
    bytes_ = np.broadcast_to(np.arange(256, dtype=np.uint8).reshape(16, 16), (256, 16, 16))
    scales = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None], (256, 16))
    return Mxfp4Array(bytes_, scales, order)


def bits(values: Float32) -> NDArray[np.uint32]:
    return values.view(np.uint32)


def assert_same_numbers(ours: Float32, theirs: Float32) -> None:
    """Bit for bit, except that one NaN is as good as another."""
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_array_equal(
        bits(ours)[~np.isnan(ours)], bits(theirs.astype(np.float32))[~np.isnan(theirs)]
    )


def with_ml_dtypes(array: Mxfp4Array) -> Float32:
    """Each nibble as float4_e2m1fn, each scale as float8_e8m0fnu; the product in float64."""
    nibbles = np.stack([array.blocks & 15, array.blocks >> 4], axis=-1)  # [..., 16, 2]
    if array.nibble_order is NibbleOrder.HALVES:
        nibbles = nibbles.swapaxes(-1, -2)
    values = nibbles.astype(np.uint8).copy().view(ml_dtypes.float4_e2m1fn).astype(np.float64)
    scales = array.scales.copy().view(ml_dtypes.float8_e8m0fnu).astype(np.float64)
    exact = values.reshape(*array.scales.shape, BLOCK_SIZE) * scales[..., None]
    with np.errstate(over="ignore"):
        return exact.reshape(array.shape).astype(np.float32)


def with_gguf(array: Mxfp4Array) -> Float32:
    """ggml's blocks of 17 bytes, read by gguf."""
    stored = np.concatenate([array.scales[..., None], array.blocks], axis=-1)
    with np.errstate(over="ignore"):
        return quants.dequantize(stored.reshape(len(stored), -1), MXFP4)


@pytest.mark.parametrize("order", NibbleOrder)
def test_all_256_by_256_scales_and_bytes_equal_ml_dtypes(order: NibbleOrder) -> None:
    array = every_pair(order)
    values = dequantize(array)
    assert values.shape == array.shape == (256, 512)
    assert values.flags.c_contiguous
    assert_same_numbers(values, with_ml_dtypes(array))


def test_all_scales_but_nan_and_all_bytes_equal_gguf() -> None:
    """As numbers: gguf's table of whole numbers has no minus zero, so code 8 gives it +0."""
    array = every_pair(NibbleOrder.HALVES)
    np.testing.assert_array_equal(dequantize(array)[:255], with_gguf(array)[:255])
    assert np.isinf(dequantize(array)[254]).any()  # 4 * 2**127
    assert np.abs(dequantize(array)[0]).max() == 6 * 2.0**-127  # denormals


def test_scale_255_is_nan_where_gguf_has_a_power_of_two() -> None:
    """ggml knows no NaN: it reads 255 as 2**128. The OCP specification says NaN, and so do we."""
    array = every_pair(NibbleOrder.HALVES)
    assert np.isnan(dequantize(array)[255]).all()
    theirs = with_gguf(array)[255]
    assert not np.isnan(theirs).any()
    assert theirs[np.isfinite(theirs)].max() == 2.0**127  # 0.5 * 2**128


def test_tables_are_the_specification() -> None:
    assert VALUES.tolist()[:8] == [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    assert np.signbit(VALUES[8:]).all()
    assert SCALES[0] == 2.0**-127
    assert SCALES[127] == 1
    assert SCALES[254] == 2.0**127
    assert (PAIRS[0x72] == [1, 6]).all()  # low nibble first


def test_views_of_a_file_are_read_in_place() -> None:
    """Blocks and scales 17 bytes apart, every second row: as GGUF and interleaved files lie."""
    random = np.random.default_rng(1)
    stored = random.integers(0, 255, (6, 3, 17), np.uint8)
    view = Mxfp4Array(stored[::2, :, 1:], stored[::2, :, 0], NibbleOrder.HALVES)
    np.testing.assert_array_equal(dequantize(view), with_gguf(view))
    turned = Mxfp4Array(view.blocks.swapaxes(0, 1), view.scales.T, NibbleOrder.HALVES)
    assert dequantize(turned).flags.c_contiguous


def decimal_block(largest: float) -> Float32:
    """A block [1, 32] that has this largest magnitude."""
    return np.append(np.linspace(-largest, largest / 3, 31), largest).astype(np.float32)[None]


@pytest.mark.parametrize(
    ("largest", "scale"),
    [
        (6.0, 127),
        (4.0, 127),
        (7.9, 127),  # saturates: the recipe never moves the scale up for rounding
        (8.0, 128),
        (np.nextafter(np.float32(4), np.float32(0)), 126),
        (LARGEST, 252),
        (2.0**-126, 0),
        (2.0**-149, 0),
        (0.0, 0),
    ],
)
def test_the_scale_follows_from_the_largest_magnitude(largest: float, scale: int) -> None:
    assert quantize(decimal_block(largest)).scales.tolist() == [[scale]]


any_exponent = st.integers(-149, 127)


@given(st.integers(0, 2**32 - 1), any_exponent, st.sampled_from([1, 4, 40]))
def test_quantize_equals_a_search_for_the_nearest(seed: int, exponent: int, octaves: int) -> None:
    """Of the 15 numbers at hand the nearest; of two as near, the one with an even code."""
    random = np.random.default_rng(seed)
    mantissas = random.integers(-64, 65, 64) / 64  # many ties among them
    exact = mantissas * 2.0 ** (exponent - random.integers(0, octaves, 64))
    values = exact.astype(np.float32).reshape(2, 32)
    array = quantize(values)
    codes = np.stack([array.blocks & 15, array.blocks >> 4], axis=-1).reshape(2, 32)
    for row in range(2):
        largest = np.abs(values[row].astype(np.float64)).max()
        power = -127 if largest == 0 else max(-127, int(np.floor(np.log2(largest))) - 2)
        assert array.scales[row, 0] == power + 127
        for value, code in zip(values[row].tolist(), codes[row].tolist(), strict=True):
            errors = np.abs(MAGNITUDES.astype(np.float64) * 2.0**power - abs(value))
            nearest = np.flatnonzero(errors == errors.min())
            even = [c for c in nearest if c % 2 == 0] if len(nearest) == 2 else nearest
            assert code == even[0] + 8 * np.signbit(value)


def test_quantize_equals_gguf_where_there_are_no_ties() -> None:
    """gguf rounds ties to the smaller number and knows no minus zero; else the recipe is one."""
    random = np.random.default_rng(5)
    values = (random.normal(size=(64, 96)) * 2.0 ** random.integers(-20, 20, (64, 1))).astype("f4")
    theirs = quants.quantize(values, MXFP4).reshape(64, 3, 17)
    ours = reorder_nibbles(quantize(values), NibbleOrder.HALVES)
    np.testing.assert_array_equal(ours.scales, theirs[..., 0])
    np.testing.assert_array_equal(
        dequantize(ours), quants.dequantize(theirs, MXFP4).reshape(64, 96)
    )


@given(st.integers(0, 2**32 - 1), st.integers(0, 250))
def test_what_is_mxfp4_already_stays_as_it_is(seed: int, scale: int) -> None:
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (4, 2, 16), np.uint8)
    blocks[..., 0] |= 7  # a six in each block, so that the scale is the recipe's
    array = Mxfp4Array(blocks, np.full((4, 2), scale, np.uint8))
    again = quantize(dequantize(array))
    np.testing.assert_array_equal(again.blocks, array.blocks)
    np.testing.assert_array_equal(again.scales, array.scales)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_block_with_a_number_that_is_none_is_nan_and_its_neighbours_are_not(bad: float) -> None:
    values = np.ones((2, 64), np.float32)
    values[0, 40] = bad
    array = quantize(values)
    assert array.scales.tolist() == [[125, 255], [125, 125]]
    back = dequantize(array)
    assert np.isnan(back[0, 32:]).all()
    assert (back[0, :32] == 1).all()


def test_columns_that_fill_no_block_are_refused() -> None:
    with pytest.raises(ValueError, match="33 columns are no multiple of 32"):
        quantize(np.zeros((1, 33), np.float32))


@pytest.mark.parametrize("order", NibbleOrder)
def test_reordering_keeps_every_value_and_comes_back(order: NibbleOrder) -> None:
    other = next(o for o in NibbleOrder if o is not order)
    random = np.random.default_rng(2)
    blocks = random.integers(0, 256, (300, 3, 17), np.uint8)[..., 1:]  # a view, as of a file
    array = Mxfp4Array(blocks, random.integers(0, 256, (300, 3), np.uint8), order)
    turned = reorder_nibbles(array, other)
    assert turned.nibble_order is other
    assert_same_numbers(dequantize(turned), dequantize(array))
    back = reorder_nibbles(turned, order)
    np.testing.assert_array_equal(back.blocks, array.blocks)
    assert reorder_nibbles(array, order) is array
