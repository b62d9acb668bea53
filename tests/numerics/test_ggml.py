"""Q8_0 against gguf's own reading and writing of it."""

import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants
from hypothesis import given
from hypothesis import strategies as st

from ossia.numerics.arrays import Float32, Q8Array
from ossia.numerics.ggml import LARGEST_Q8, dequantize_q8, quantize_q8

Q8_0 = GGMLQuantizationType.Q8_0


def as_q8(stored: np.ndarray) -> Q8Array:
    """ggml's blocks [rows, blocks, 34] as a view: a float16 and 32 bytes."""
    kind = np.dtype([("scale", np.float16), ("values", np.int8, 32)])
    blocks = stored.view(kind)[..., 0]
    return Q8Array(blocks["values"], blocks["scale"])


@given(st.integers(0, 2**32 - 1))
def test_any_block_reads_as_gguf_reads_it(seed: int) -> None:
    stored = np.random.default_rng(seed).integers(0, 256, (5, 4, 34), np.uint8)
    stored[..., 1] &= 0xBF  # scales below 2; infinite and NaN ones have their own test
    values = dequantize_q8(as_q8(stored))
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    np.testing.assert_array_equal(values, quants.dequantize(stored.reshape(5, -1), Q8_0))


def test_every_scale_and_value_reads_as_gguf_reads_it() -> None:
    """All 65,536 scales, among them infinities and NaN, by the 8 blocks of all 256 values."""
    scales = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    values = np.arange(256, dtype=np.uint8).view(np.int8).reshape(8, 32)
    array = Q8Array(
        np.broadcast_to(values, (1 << 16, 8, 32)), np.broadcast_to(scales[:, None], (1 << 16, 8))
    )
    stored = np.empty((1 << 16, 8, 34), np.uint8)
    stored[..., :2] = scales.view(np.uint8).reshape(-1, 1, 2)
    stored[..., 2:] = values.view(np.uint8)
    with np.errstate(invalid="ignore"):
        theirs = quants.dequantize(stored.reshape(1 << 16, -1), Q8_0)
    np.testing.assert_array_equal(dequantize_q8(array), theirs)


@given(st.integers(0, 2**32 - 1), st.integers(-12, 20))
def test_quantizes_as_gguf_does(seed: int, exponent: int) -> None:
    random = np.random.default_rng(seed)
    values = (random.normal(size=(3, 64)) * 2.0**exponent).astype(np.float32)
    theirs = as_q8(quants.quantize(values, Q8_0).reshape(3, 2, 34))
    ours = quantize_q8(values)
    np.testing.assert_array_equal(ours.values, theirs.values)
    np.testing.assert_array_equal(ours.scales, theirs.scales)


def block(*values: float) -> Float32:
    """A block [1, 32] whose scale is 1."""
    return np.array([*values, *[0] * (31 - len(values)), 127], np.float32)[None]


def test_ties_go_away_from_zero_and_nearly_ties_do_not() -> None:
    below = float(np.nextafter(np.float32(0.5), np.float32(0)))
    values = quantize_q8(block(0.5, -0.5, 1.5, -2.5, below, -below, 126.5)).values[0, 0]
    assert values[:7].tolist() == [1, -1, 2, -3, 0, 0, 127]


def test_zeros_and_what_is_too_small_for_a_scale_become_zeros() -> None:
    values = np.zeros((1, 64), np.float32)
    values[0, :3] = [1e-7, -1e-40, 1e-45]
    assert not dequantize_q8(quantize_q8(values)).any()


def test_the_largest_is_held_and_more_is_refused() -> None:
    edge = np.full((1, 32), LARGEST_Q8, np.float32)
    assert (dequantize_q8(quantize_q8(edge)) == edge).all()
    for bad in (np.nextafter(np.float32(LARGEST_Q8), np.float32(np.inf)), np.inf, np.nan):
        with pytest.raises(ValueError, match="magnitudes up to"):
            quantize_q8(np.full((1, 32), bad, np.float32))


def test_columns_that_fill_no_block_are_refused() -> None:
    with pytest.raises(ValueError, match="31 columns are no multiple of 32"):
        quantize_q8(np.zeros((2, 31), np.float32))
