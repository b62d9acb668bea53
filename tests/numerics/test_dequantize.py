"""Every kind of stored array becomes float32, exactly and without needless copies."""

import numpy as np
import pytest

from ossia.numerics.bf16 import BF16
from ossia.numerics.dequantize import to_float32
from ossia.numerics.ggml import dequantize_q8, quantize_q8
from ossia.numerics.mxfp4 import dequantize, quantize

VALUES = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)


def test_block_formats_are_read_by_their_own_rules() -> None:
    np.testing.assert_array_equal(to_float32(quantize(VALUES)), dequantize(quantize(VALUES)))
    np.testing.assert_array_equal(
        to_float32(quantize_q8(VALUES)), dequantize_q8(quantize_q8(VALUES))
    )


@pytest.mark.parametrize("dtype", [BF16, np.float16])
def test_narrow_floats_are_widened_exactly(dtype: np.dtype) -> None:
    stored = VALUES.astype(dtype)
    wide = to_float32(stored)
    assert wide.dtype == np.float32
    np.testing.assert_array_equal(wide, stored.astype(np.float64))


def test_every_float16_is_widened_exactly() -> None:
    stored = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    np.testing.assert_array_equal(to_float32(stored), stored.astype(np.float64))


def test_float32_is_not_copied_unless_it_is_strided() -> None:
    assert to_float32(VALUES) is VALUES
    strided = to_float32(VALUES[:, ::2])
    assert strided.flags.c_contiguous
    np.testing.assert_array_equal(strided, VALUES[:, ::2])


def test_a_mapped_file_is_read_without_writing_to_it() -> None:
    stored = VALUES.astype(BF16)
    stored.flags.writeable = False
    np.testing.assert_array_equal(to_float32(stored), stored.astype(np.float32))
