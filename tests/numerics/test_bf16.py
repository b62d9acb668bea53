"""bfloat16 on all of its 65,536 patterns."""

import ml_dtypes
import numpy as np
import pytest

from ossia.numerics.bf16 import BF16, round_to_bf16, widen

PATTERNS = np.arange(1 << 16, dtype=np.uint16)


def test_every_pattern_widens_to_its_value() -> None:
    values = PATTERNS.view(ml_dtypes.bfloat16)
    wide = widen(values)
    assert wide.dtype == np.float32
    expected = values.astype(np.float32)
    is_nan = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(wide), is_nan)
    np.testing.assert_array_equal(wide.view(np.uint32)[~is_nan], expected.view(np.uint32)[~is_nan])


def test_every_pattern_comes_back() -> None:
    back = round_to_bf16(widen(PATTERNS.view(BF16))).view(np.uint16)
    is_nan = (PATTERNS & 0x7FFF) > 0x7F80
    np.testing.assert_array_equal(back[~is_nan], PATTERNS[~is_nan])
    assert ((back[is_nan] & 0x7FFF) > 0x7F80).all()


def rounded(bits: int) -> int:
    return int(round_to_bf16(np.array([bits], np.uint32).view(np.float32)).view(np.uint16)[0])


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (0x3F80_8000, 0x3F80),  # a tie goes down to the even one
        (0x3F81_8000, 0x3F82),  # and up to it
        (0x3F80_7FFF, 0x3F80),
        (0x3F80_8001, 0x3F81),
        (0xBF81_8000, 0xBF82),
        (0x3FFF_8000, 0x4000),  # into the next power of two
        (0x7F7F_7FFF, 0x7F7F),  # the largest that stays finite
        (0x7F7F_8000, 0x7F80),  # infinity
        (0x0000_8000, 0x0000),  # denormals
        (0x0001_8000, 0x0002),
        (0x8000_0001, 0x8000),  # minus zero
    ],
)
def test_rounding_is_to_nearest_and_ties_to_even(bits: int, expected: int) -> None:
    assert rounded(bits) == expected


@pytest.mark.parametrize("bits", [0x7F80_0001, 0x7FC0_0000, 0xFF80_0001])
def test_nan_stays_nan(bits: int) -> None:
    assert rounded(bits) & 0x7FFF > 0x7F80


def test_strided_views_are_read() -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    view = values.astype(BF16)[::2, 1:5]
    wide = widen(view)
    assert (wide == values[::2, 1:5]).all()
    assert (widen(view.T) == values[::2, 1:5].T).all()
    assert widen(view.T).flags.c_contiguous
