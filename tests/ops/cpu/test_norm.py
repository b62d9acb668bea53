import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.numerics.bf16 import BF16, widen
from ossia.ops import reference
from ossia.ops.cpu import _kernels, available_instruction_sets
from ossia.ops.cpu.norm import rms_norm, rms_norm_and_name


@pytest.mark.parametrize("columns", [1, 7, 16, 63, 64, 65, 128, 2880])
@pytest.mark.parametrize("tokens", [0, 1, 8, 9, 33])
def test_equals_the_formula(instruction_set: str, tokens: int, columns: int) -> None:
    rng = np.random.default_rng(columns)
    x = 10 * rng.standard_normal((tokens, columns), np.float32)
    weight = rng.standard_normal(columns, np.float32)
    found, ran = rms_norm_and_name(x, weight, 1e-5)
    assert ran == instruction_set
    mean_square = (x.astype(np.float64) ** 2).mean(-1, keepdims=True)
    exact = x / np.sqrt(mean_square + 1e-5) * weight
    bound = (columns // 64 + 12) * 2.0**-24  # additions of one sum, then a tree and a few products
    np.testing.assert_allclose(found, exact, rtol=bound, atol=0)
    np.testing.assert_allclose(found, reference.rms_norm(x, weight, 1e-5), rtol=2 * bound + 1e-6)


@given(tokens=st.integers(1, 40), columns=st.integers(1, 300), seed=st.integers(0))
def test_a_token_gets_the_same_bits_everywhere(tokens: int, columns: int, seed: int) -> None:
    """In every batch, on any number of threads, with every instruction set."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((tokens, columns), np.float32)
    weight = rng.standard_normal(columns, np.float32)
    expected = rms_norm(x, weight, 1e-6)
    for name in available_instruction_sets():
        _kernels.use_instruction_set(name)
        _kernels.set_num_threads(1 + tokens % 3)
        np.testing.assert_array_equal(rms_norm(x, weight, 1e-6), expected, name)
        for token in range(0, tokens, 7):
            row = slice(token, token + 1)
            np.testing.assert_array_equal(rms_norm(x[row], weight, 1e-6), expected[row], name)


def test_zeros_stay_zeros_and_weights_may_be_bfloat16(instruction_set: str) -> None:
    assert not rms_norm(np.zeros((1, 8), np.float32), np.ones(8, np.float32), 1e-5).any()
    x = np.random.default_rng(0).standard_normal((2, 40), np.float32)
    weight = x[0].astype(BF16)
    expected = rms_norm(x, widen(weight), 1e-5)
    np.testing.assert_array_equal(rms_norm(x, weight, 1e-5), expected, instruction_set)


def test_bad_arguments_are_refused() -> None:
    x, weight = np.ones((3, 8), np.float32), np.ones(8, np.float32)
    with pytest.raises(ValueError, match="weight must have the shape"):
        rms_norm(x, weight[:7], 1e-5)
    with pytest.raises(ValueError, match="x must be contiguous"):
        rms_norm(x[:, ::2], weight[:4], 1e-5)
    with pytest.raises(TypeError, match="x has the wrong dtype"):
        rms_norm(x.astype(np.float64), weight, 1e-5)
