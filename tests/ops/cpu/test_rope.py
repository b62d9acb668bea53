import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.model.config import Rope
from ossia.model.yarn import rope_table
from ossia.numerics.arrays import Float32, Int32
from ossia.ops.arrays import RopeTable
from ossia.ops.cpu import _kernels, available_instruction_sets
from ossia.ops.cpu.rope import rope, rope_and_name

BOUND = 4 * 2.0**-24
"""Of a result, as a part of the pair's length: a product's, a sum's, a cosine's roundings."""


def random_heads(tokens: int, heads: int, head_dim: int) -> Float32:
    return np.random.default_rng(head_dim).standard_normal((tokens, heads, head_dim), np.float32)


def random_positions(tokens: int) -> Int32:
    return np.random.default_rng(tokens).integers(0, 131_072, tokens, np.int32)


def yarn(head_dim: int) -> RopeTable:
    """The table of gpt-oss, for heads of any size."""
    return rope_table(Rope(), head_dim)


def assert_close(x: Float32, positions: Int32, table: RopeTable, found: Float32) -> None:
    """To the rotation in float64 by the angles that the reference backend rounds to float32."""
    angles = (positions.astype(np.float32)[:, None] * table.frequencies).astype(np.float64)
    first, second = np.split(x.astype(np.float64), 2, axis=-1)
    turned = (first + 1j * second) * (np.exp(1j * angles) * table.concentration)[:, None]
    expected = np.concatenate([turned.real, turned.imag], axis=-1)
    length = np.concatenate([np.abs(turned)] * 2, axis=-1)
    assert (np.abs(found - expected) <= BOUND * length).all()


@pytest.mark.parametrize("head_dim", [2, 8, 30, 32, 34, 64, 128])
@pytest.mark.parametrize("tokens", [0, 1, 8, 9, 100])
def test_equals_the_rotation(instruction_set: str, tokens: int, head_dim: int) -> None:
    x, positions = random_heads(tokens, 3, head_dim), random_positions(tokens)
    found, ran = rope_and_name(x, positions, yarn(head_dim))
    assert ran == instruction_set
    assert_close(x, positions, yarn(head_dim), found)


@given(
    tokens=st.integers(1, 40), heads=st.integers(1, 9), half=st.integers(1, 70), seed=st.integers(0)
)
def test_a_token_gets_the_same_bits_everywhere(
    tokens: int, heads: int, half: int, seed: int
) -> None:
    """In every batch, on any number of threads, with every instruction set."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((tokens, heads, 2 * half), np.float32)
    positions = rng.integers(0, 131_072, tokens, np.int32)
    table = RopeTable(rng.random(half, np.float32), 1.25)
    expected = rope(x, positions, table)
    for name in available_instruction_sets():
        _kernels.use_instruction_set(name)
        _kernels.set_num_threads(1 + tokens % 3)
        np.testing.assert_array_equal(rope(x, positions, table), expected, name)
        for token in range(0, tokens, 7):
            row = slice(token, token + 1)
            np.testing.assert_array_equal(rope(x[row], positions[row], table), expected[row])


def test_bad_arguments_are_refused() -> None:
    x, positions, table = random_heads(3, 2, 8), random_positions(3), yarn(8)
    with pytest.raises(ValueError, match="positions must have the shape"):
        rope(x, positions[:2], table)
    with pytest.raises(ValueError, match="frequencies must have the shape"):
        rope(x[..., :4].copy(), positions, table)
    with pytest.raises(ValueError, match="head_dim must be even"):
        rope(x[..., :7].copy(), positions, table)
    with pytest.raises(ValueError, match="x must be contiguous"):
        rope(x[:, ::2], positions, table)
    with pytest.raises(TypeError, match="positions has the wrong dtype"):
        rope(x, positions.astype(np.int64), table)
