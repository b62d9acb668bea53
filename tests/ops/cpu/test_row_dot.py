import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.numerics import mxfp4
from ossia.numerics.arrays import BLOCK_SIZE, Float32, Mxfp4Array, NibbleOrder
from ossia.ops.cpu import _kernels, available_instruction_sets, row_dot
from ossia.ops.cpu.row_dot import row_dot_and_name

SHAPES = [(1, 1), (1, 90), (2, 3), (3, 2), (5, 1), (7, 90), (8, 4), (33, 17), (0, 3), (4, 0)]
"""Rows and blocks; the last have no rows, and nothing to add up."""


def random_weight(rows: int, blocks: int, seed: int = 0) -> Mxfp4Array:
    rng = np.random.default_rng(seed)
    return Mxfp4Array(
        rng.integers(0, 256, (rows, blocks, 16), dtype=np.uint8),
        rng.integers(110, 130, (rows, blocks), dtype=np.uint8),
    )


def random_vector(columns: int, seed: int = 1) -> Float32:
    return np.random.default_rng(seed).standard_normal(columns, dtype=np.float32)


def apart(weight: Mxfp4Array) -> Mxfp4Array:
    return weight


def gate_of_gate_up(weight: Mxfp4Array) -> Mxfp4Array:
    """Every other row of a matrix, as OpenAI's and Hugging Face's files hold gate and up."""
    rows, blocks = weight.scales.shape
    both = random_weight(2 * rows, blocks, seed=9)
    both.blocks[0::2], both.scales[0::2] = weight.blocks, weight.scales
    return both[0::2]


def ggml(weight: Mxfp4Array) -> Mxfp4Array:
    """17 bytes a block, scale first, halves share a byte: nothing is aligned."""
    halves = mxfp4.reorder_nibbles(weight, NibbleOrder.HALVES)
    stored = np.concatenate([halves.scales[..., None], halves.blocks], axis=-1)
    return Mxfp4Array(stored[..., 1:], stored[..., 0], NibbleOrder.HALVES)


def unaligned(weight: Mxfp4Array) -> Mxfp4Array:
    """From an odd address, read-only, as a mapped file gives it."""
    memory = np.frombuffer(b"?" + weight.blocks.tobytes() + weight.scales.tobytes(), np.uint8)
    end = 1 + weight.blocks.size
    return Mxfp4Array(
        memory[1:end].reshape(weight.blocks.shape), memory[end:].reshape(weight.scales.shape)
    )


LAYOUTS = [apart, gate_of_gate_up, ggml, unaligned]
Layout = Callable[[Mxfp4Array], Mxfp4Array]


def assert_close(found: Float32, weight: Mxfp4Array, x: Float32) -> None:
    """Within the bound of 32 sums that each add once a block and then form a tree of height 5."""
    terms = mxfp4.dequantize(weight).astype(np.float64) * x  # [rows, columns]
    bound = (terms.shape[1] // BLOCK_SIZE + 5) * 2.0**-24 * np.abs(terms).sum(axis=1)
    assert found.dtype == np.float32
    assert found.shape == (len(terms),)
    assert (np.abs(found - terms.sum(axis=1)) <= bound).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("rows", "blocks"), SHAPES)
def test_equals_float64(instruction_set: str, rows: int, blocks: int, layout: Layout) -> None:
    weight, x = random_weight(rows, blocks), random_vector(blocks * BLOCK_SIZE)
    found, ran = row_dot_and_name(layout(weight), x)
    assert ran == instruction_set
    assert_close(found, weight, x)


@given(
    rows=st.integers(1, 20),
    blocks=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
    layout=st.sampled_from(LAYOUTS),
)
def test_same_bits_whatever_the_instruction_set_and_layout(
    rows: int, blocks: int, seed: int, layout: Layout
) -> None:
    weight = random_weight(rows, blocks, seed)
    x = random_vector(blocks * BLOCK_SIZE, seed + 1)
    expected = run("scalar", weight, x)
    assert_close(expected, weight, x)
    for name in available_instruction_sets():
        np.testing.assert_array_equal(run(name, layout(weight), x), expected)


def run(name: str, weight: Mxfp4Array, x: Float32) -> Float32:
    """The kernel of the named instruction set, past the choice by environment."""
    y = np.full(weight.shape[0], np.nan, np.float32)
    is_halves = weight.nibble_order is NibbleOrder.HALVES
    ran = _kernels.row_dot_f32_mxfp4w(name, weight.blocks, weight.scales, is_halves, x, y)
    assert ran == name
    return y


def test_a_row_does_not_depend_on_its_neighbours(instruction_set: str) -> None:
    weight, x = random_weight(11, 90), random_vector(2880)
    alone = [row_dot(weight[row : row + 1], x)[0] for row in range(11)]
    np.testing.assert_array_equal(row_dot(weight, x), alone, instruction_set)


@pytest.mark.parametrize("column", [0, 1, 15, 16, 30, 31])
@pytest.mark.parametrize("order", NibbleOrder)
def test_every_weight_is_exact(instruction_set: str, order: NibbleOrder, column: int) -> None:
    """All scales with all codes: denormal, infinite and NaN ones too."""
    codes = np.zeros((256, 16, 32), np.uint8)  # [scales, codes, columns]
    codes[:, :, column] = np.arange(16)
    low, high = codes[..., 0::2], codes[..., 1::2]
    packed = np.bitwise_or(low, high << np.uint8(4)).reshape(4096, 1, 16)
    scales = np.repeat(np.arange(256, dtype=np.uint8), 16)[:, None]  # [4096, 1]
    weight = mxfp4.reorder_nibbles(Mxfp4Array(packed, scales), order)
    expected = mxfp4.dequantize(weight)[:, column]
    assert np.isnan(expected).sum() == 16
    assert np.isinf(expected).sum() > 0
    found = row_dot(weight, np.ones(32, np.float32))
    np.testing.assert_array_equal(found, expected, instruction_set)


def test_nan_and_infinity_stay_in_their_row(instruction_set: str) -> None:
    weight, x = random_weight(9, 5), random_vector(160)
    expected = row_dot(weight, x)
    weight.scales[4, 2] = 255
    found = row_dot(weight, x)
    assert np.flatnonzero(np.isnan(found)).tolist() == [4], instruction_set
    others = np.arange(9) != 4
    np.testing.assert_array_equal(found[others], expected[others])
    x[7] = np.inf
    weight.blocks[:, 0, 3] = 0x11  # column 7 is 0.5 everywhere
    assert np.isposinf(row_dot(weight, x)[others]).all()


def test_an_unaligned_vector(instruction_set: str) -> None:
    weight, x = random_weight(3, 2), random_vector(64)
    shifted = np.frombuffer(b"?" + x.tobytes(), np.uint8)[1:].view(np.float32)
    assert not shifted.flags.aligned
    np.testing.assert_array_equal(row_dot(weight, shifted), row_dot(weight, x), instruction_set)


def test_bad_arguments_are_refused() -> None:
    weight, x = random_weight(4, 3), random_vector(96)
    blocks, scales = weight.blocks, weight.scales
    with pytest.raises(TypeError, match="x must be float32"):
        row_dot(weight, x.astype(np.float64))
    with pytest.raises(TypeError, match="blocks must be uint8"):
        row_dot(Mxfp4Array(blocks.view(np.int8), scales), x)
    with pytest.raises(TypeError, match="scales must be uint8"):
        row_dot(Mxfp4Array(blocks, scales.astype(np.uint16)), x)
    with pytest.raises(ValueError, match="x must have 96 numbers, not 64"):
        row_dot(weight, x[:64])
    with pytest.raises(ValueError, match="x must have 1 axes, not 2"):
        row_dot(weight, x[None])
    with pytest.raises(ValueError, match="x must be contiguous"):
        row_dot(weight, random_vector(192)[::2])
    with pytest.raises(ValueError, match="blocks must have 3 axes, not 4"):
        row_dot(Mxfp4Array(blocks[None], scales[None]), x)
    with pytest.raises(ValueError, match="must agree in rows and blocks"):
        row_dot(Mxfp4Array(blocks, scales[:3]), x)
    with pytest.raises(ValueError, match="must agree in rows and blocks"):
        row_dot(Mxfp4Array(blocks, scales[:, :2]), x)
    with pytest.raises(ValueError, match="16 neighbouring bytes"):
        row_dot(Mxfp4Array(blocks[..., :8], scales), x)
    with pytest.raises(ValueError, match="16 neighbouring bytes"):
        row_dot(Mxfp4Array(np.repeat(blocks, 2, axis=-1)[..., ::2], scales), x)


def test_negative_strides_are_refused() -> None:
    weight, x = random_weight(4, 3), random_vector(96)
    for backwards in (weight[::-1], Mxfp4Array(weight.blocks[:, ::-1], weight.scales)):
        with pytest.raises(ValueError, match="blocks must not run backwards"):
            row_dot(backwards, x)
    with pytest.raises(ValueError, match="scales must not run backwards"):
        row_dot(Mxfp4Array(weight.blocks, weight.scales[::-1]), x)
    with pytest.raises(ValueError, match="x must not run backwards"):
        row_dot(weight, x[::-1])


def test_what_only_the_binding_can_be_given_is_refused_too() -> None:
    weight, x = random_weight(4, 3), random_vector(96)
    blocks, scales = weight.blocks, weight.scales
    with pytest.raises(ValueError, match="no kernels for instruction set 'abacus'"):
        _kernels.row_dot_f32_mxfp4w("abacus", blocks, scales, False, x, np.empty(4, np.float32))
    with pytest.raises(ValueError, match="y must have 4 numbers, not 5"):
        _kernels.row_dot_f32_mxfp4w("scalar", blocks, scales, False, x, np.empty(5, np.float32))
    read_only = np.empty(4, np.float32)
    read_only.flags.writeable = False
    bad: list[Any] = [np.empty(4), np.empty(8, np.float32)[::2], read_only]
    for y in bad:
        with pytest.raises(TypeError):
            _kernels.row_dot_f32_mxfp4w("scalar", blocks, scales, False, x, y)


def test_other_threads_run_meanwhile() -> None:
    """The kernel gives up the GIL: this thread counts while another computes."""
    weight, x = random_weight(1, 90), random_vector(2880)
    rows = 50_000  # the same row again and again: stride 0
    blocks = np.broadcast_to(weight.blocks, (rows, 90, 16))
    scales = np.broadcast_to(weight.scales, (rows, 90))
    worker = threading.Thread(target=run, args=("scalar", Mxfp4Array(blocks, scales), x))
    worker.start()
    turns = 0
    while worker.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns > 10
