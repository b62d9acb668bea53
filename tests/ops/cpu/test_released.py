"""Products with weights as files hold them: exact weights, one order of summation everywhere."""

import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ops.cpu.operands import (
    LAYOUTS,
    Layout,
    each_instruction_set,
    ggml_q8,
    normal,
    random_mxfp4,
    random_q8,
)

from ossia.numerics import mxfp4
from ossia.numerics.arrays import BLOCK_SIZE, Array, Float32, Mxfp4Array, NibbleOrder, Q8Array
from ossia.numerics.bf16 import BF16
from ossia.numerics.dequantize import to_float32
from ossia.ops import reference
from ossia.ops.cpu import _kernels
from ossia.ops.cpu.released import linear_released

SHAPES = [(1, 1), (1, 90), (2, 3), (3, 2), (5, 1), (7, 90), (8, 4), (133, 17), (0, 3), (4, 0)]
"""Rows and blocks; the last have no rows, and nothing to add up."""

PLAIN = {"float32": np.float32, "float16": np.float16, "bfloat16": BF16}


def assert_close(found: Float32, weight: Array, x: Float32, bias: Float32 | None = None) -> None:
    """Within the bound of 32 sums that each add once a block and then form a tree of height 5.

    The bias is one more addition.
    """
    exact = to_float32(weight).astype(np.float64)
    expected, magnitudes = x @ exact.T, np.abs(x) @ np.abs(exact).T
    if bias is not None:
        expected, magnitudes = expected + bias, magnitudes + np.abs(bias)
    assert found.dtype == np.float32
    bound = (-(-x.shape[1] // BLOCK_SIZE) + 6) * 2.0**-24 * magnitudes
    assert (np.abs(found - expected) <= bound).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("rows", "blocks"), SHAPES)
def test_mxfp4_equals_float64(instruction_set: str, rows: int, blocks: int, layout: Layout) -> None:
    weight, x = random_mxfp4(rows, blocks), normal(6, blocks * BLOCK_SIZE)
    stored = layout(weight)
    y, bias = np.full((6, rows), np.nan, np.float32), normal(rows)
    is_halves = stored.nibble_order is NibbleOrder.HALVES
    ran = _kernels.linear_f32_mxfp4w(x, stored.blocks, stored.scales, is_halves, bias, y)
    assert ran == instruction_set
    assert_close(y, weight, x, bias)
    np.testing.assert_array_equal(linear_released(x, stored, bias), y)


@pytest.mark.parametrize(("rows", "blocks"), SHAPES)
def test_q8_equals_float64(instruction_set: str, rows: int, blocks: int) -> None:
    weight, x = random_q8(rows, blocks), normal(6, blocks * BLOCK_SIZE)
    y, bias = np.full((6, rows), np.nan, np.float32), normal(rows)
    ran = _kernels.linear_f32_q8w(x, weight.values, weight.scales, bias, y)
    assert ran == instruction_set
    assert_close(y, weight, x, bias)
    np.testing.assert_array_equal(linear_released(x, ggml_q8(weight), bias), y)


@pytest.mark.parametrize("dtype", PLAIN)
@pytest.mark.parametrize("columns", [0, 1, 15, 16, 31, 32, 33, 96, 2880])
def test_plain_numbers_equal_float64(instruction_set: str, columns: int, dtype: str) -> None:
    weight, x, bias = normal(9, columns).astype(PLAIN[dtype]), normal(6, columns), normal(9)
    y = np.full((6, 9), np.nan, np.float32)
    numbers = weight.view(np.uint16) if dtype == "bfloat16" else weight
    assert _kernels.linear_f32_plainw(x, numbers, bias, y) == instruction_set
    assert_close(y, weight, x, bias)
    every_other = np.repeat(weight, 2, axis=0)[::2]
    np.testing.assert_array_equal(linear_released(x, every_other, bias), y)
    memory = np.frombuffer(b"?" + weight.tobytes(), np.uint8)[1:]
    transposed = np.ascontiguousarray(weight.T).T  # as Hugging Face's experts of bfloat16 are
    np.testing.assert_array_equal(linear_released(x, transposed, bias), y)
    at_an_odd_address = memory.view(weight.dtype).reshape(weight.shape)
    np.testing.assert_array_equal(linear_released(x, at_an_odd_address, bias), y)


@given(
    rows=st.integers(1, 140),
    columns=st.integers(1, 200),
    tokens=st.integers(1, 20),
    threads=st.integers(1, 3),
    kind=st.sampled_from([*PLAIN, "mxfp4", "q8"]),
    layout=st.sampled_from(LAYOUTS),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150)
def test_same_bits_whatever_the_instruction_set_the_layout_and_the_company(
    rows: int, columns: int, tokens: int, threads: int, kind: str, layout: Layout, seed: int
) -> None:
    blocks = -(-columns // 32)
    weight: Array = normal(rows, columns, seed=seed)
    stored: Array = weight
    if kind in PLAIN:
        weight = stored = weight.astype(PLAIN[kind])
    elif kind == "mxfp4":
        weight = random_mxfp4(rows, blocks, seed=seed)
        stored = layout(weight)
    else:
        weight = random_q8(rows, blocks, seed=seed)
        stored = ggml_q8(weight)
    x = normal(tokens, weight.shape[1], seed=seed + 1)
    _kernels.set_num_threads(threads)
    expected: Float32 | None = None
    for name in each_instruction_set():
        found = linear_released(x, stored)
        if expected is None:
            assert_close(found, weight, x)
            expected = found
        np.testing.assert_array_equal(found, expected, name)
        for token in range(0, tokens, 3):
            alone = linear_released(x[token : token + 1], weight)[0]
            np.testing.assert_array_equal(alone, expected[token], name)


def test_within_twice_the_bound_of_the_reference() -> None:
    """Both are float32 sums of the same exact terms, each in an order of its own."""
    for weight in (random_mxfp4(33, 5), random_q8(33, 5), normal(33, 155).astype(BF16)):
        x = normal(7, weight.shape[1])
        exact = to_float32(weight)
        bound = 2 * 2.0**-24 * weight.shape[1] * (np.abs(x) @ np.abs(exact).T)
        assert (np.abs(linear_released(x, weight) - reference.linear(x, weight)) <= bound).all()


def test_a_row_does_not_depend_on_its_neighbours(instruction_set: str) -> None:
    weight, x = random_mxfp4(11, 90), normal(3, 2880)
    alone = [linear_released(x, weight[row : row + 1]) for row in range(11)]
    together = linear_released(x, weight)
    np.testing.assert_array_equal(together, np.concatenate(alone, axis=1), instruction_set)


@pytest.mark.parametrize("column", [0, 1, 15, 16, 30, 31])
@pytest.mark.parametrize("order", NibbleOrder)
def test_every_mxfp4_weight_is_exact(instruction_set: str, order: NibbleOrder, column: int) -> None:
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
    found = linear_released(np.ones((1, 32), np.float32), weight)[0]
    np.testing.assert_array_equal(found, expected, instruction_set)


@pytest.mark.parametrize("column", [0, 15, 16, 31])
def test_every_q8_weight_is_exact(instruction_set: str, column: int) -> None:
    """All float16 scales, denormal and infinite and NaN ones too."""
    values = np.zeros((1 << 16, 1, 32), np.int8)
    values[:, 0, column] = np.arange(1 << 16) % 255 - 127
    scales = np.arange(1 << 16, dtype=np.uint16).view(np.float16)[:, None]
    weight = Q8Array(values, scales)
    x = np.zeros((1, 32), np.float32)
    x[0, column] = 1
    found = linear_released(x, weight)[0]
    is_finite = np.isfinite(scales[:, 0])
    expected = to_float32(weight)[:, column]
    np.testing.assert_array_equal(found[is_finite], expected[is_finite], instruction_set)
    assert not np.isfinite(found[~is_finite]).any()  # other columns meet 0 times infinity


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_16_bit_number_is_exact(instruction_set: str, dtype: str) -> None:
    weight = np.arange(1 << 16, dtype=np.uint16).view(PLAIN[dtype])[:, None]
    found = linear_released(np.ones((1, 1), np.float32), weight)[0]
    np.testing.assert_array_equal(found, to_float32(weight)[:, 0], instruction_set)


def test_nan_and_infinity_stay_in_their_row(instruction_set: str) -> None:
    weight, x = random_mxfp4(9, 5), normal(2, 160)
    expected = linear_released(x, weight)
    weight.scales[4, 2] = 255
    found = linear_released(x, weight)
    assert np.argwhere(np.isnan(found)).tolist() == [[0, 4], [1, 4]], instruction_set
    others = np.arange(9) != 4
    np.testing.assert_array_equal(found[:, others], expected[:, others])
    x[0, 7] = np.inf
    weight.blocks[:, 0, 3] = 0x11  # column 7 is 0.5 everywhere
    found = linear_released(x, weight)
    assert np.isposinf(found[0, others]).all()
    assert np.isfinite(found[1, others]).all()


def test_no_tokens_and_unaligned_tokens(instruction_set: str) -> None:
    for weight in (random_mxfp4(70, 2), random_q8(70, 2), normal(70, 50)):
        x = normal(5, weight.shape[1])
        assert linear_released(x[:0], weight).shape == (0, 70)
        shifted = np.frombuffer(b"?" + x.tobytes(), np.uint8)[1:].view(np.float32)
        assert not shifted.flags.aligned
        found = linear_released(shifted.reshape(x.shape), weight)
        np.testing.assert_array_equal(found, linear_released(x, weight), instruction_set)


def test_bad_arguments_are_refused() -> None:
    weight, x = random_mxfp4(4, 3), normal(2, 96)
    blocks, scales = weight.blocks, weight.scales
    with pytest.raises(TypeError, match="x has the wrong dtype"):
        linear_released(x.astype(np.float64), weight)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="blocks must be uint8"):
        linear_released(x, Mxfp4Array(blocks.view(np.int8), scales))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="scales must be uint8"):
        linear_released(x, Mxfp4Array(blocks, scales.astype(np.uint16)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x must have 96 columns, not 64"):
        linear_released(x[:, :64].copy(), weight)
    with pytest.raises(ValueError, match="x must have 2 axes, not 1"):
        linear_released(x[0], weight)
    with pytest.raises(ValueError, match="x must be contiguous"):
        linear_released(normal(2, 192)[:, ::2], weight)
    with pytest.raises(ValueError, match="blocks must have 3 axes, not 4"):
        linear_released(x, Mxfp4Array(blocks[None], scales[None]))
    with pytest.raises(ValueError, match="must agree in rows and blocks"):
        linear_released(x, Mxfp4Array(blocks, scales[:3]))
    with pytest.raises(ValueError, match="must agree in rows and blocks"):
        linear_released(x, Mxfp4Array(blocks, scales[:, :2]))
    with pytest.raises(ValueError, match="16 neighbouring bytes"):
        linear_released(x, Mxfp4Array(blocks[..., :8], scales))
    with pytest.raises(ValueError, match="16 neighbouring bytes"):
        linear_released(x, Mxfp4Array(np.repeat(blocks, 2, axis=-1)[..., ::2], scales))
    with pytest.raises(ValueError, match=r"bias must have the shape \(4, \)"):
        linear_released(x, weight, normal(5))
    with pytest.raises(TypeError, match="bias has the wrong dtype"):
        linear_released(x, weight, np.zeros(4))
    eights = random_q8(4, 3)
    with pytest.raises(TypeError, match="scales must be float16"):
        linear_released(x, Q8Array(eights.values, normal(4, 3)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="32 neighbouring bytes"):
        linear_released(x, Q8Array(eights.values[..., ::2], eights.scales))
    with pytest.raises(TypeError, match="numbers must be float32, float16 or uint16"):
        linear_released(x, np.zeros((4, 96)))


def test_negative_strides_are_refused() -> None:
    weight, x = random_mxfp4(4, 3), normal(2, 96)
    for backwards in (weight[::-1], Mxfp4Array(weight.blocks[:, ::-1], weight.scales)):
        with pytest.raises(ValueError, match="blocks must not run backwards"):
            linear_released(x, backwards)
    with pytest.raises(ValueError, match="scales must not run backwards"):
        linear_released(x, Mxfp4Array(weight.blocks, weight.scales[::-1]))
    with pytest.raises(ValueError, match="numbers must not run backwards"):
        linear_released(x, normal(4, 96)[::-1])
    with pytest.raises(ValueError, match="x must be contiguous"):
        linear_released(x[::-1], weight)


def test_what_only_the_binding_can_be_given_is_refused_too() -> None:
    weight, x = random_mxfp4(4, 3), normal(2, 96)
    blocks, scales = weight.blocks, weight.scales
    with pytest.raises(ValueError, match="no kernels for instruction set 'abacus'"):
        _kernels.use_instruction_set("abacus")
    with pytest.raises(ValueError, match=r"y must have the shape \(2, 4, \)"):
        _kernels.linear_f32_mxfp4w(x, blocks, scales, False, None, np.empty((2, 5), np.float32))
    y = np.empty((2, 8), np.float32)[:, ::2]
    with pytest.raises(ValueError, match="y must be contiguous"):
        _kernels.linear_f32_mxfp4w(x, blocks, scales, False, None, y)
    with pytest.raises(ValueError, match="columns must be neighbours"):
        _kernels.linear_f32_plainw(x, normal(96, 4).T, None, np.empty((2, 4), np.float32))
    read_only = np.empty((2, 4), np.float32)
    read_only.flags.writeable = False
    bad: list[Any] = [np.empty((2, 4)), read_only, None]
    for y in bad:
        with pytest.raises(TypeError):
            _kernels.linear_f32_mxfp4w(x, blocks, scales, False, None, y)


def test_other_threads_run_meanwhile() -> None:
    """The kernel gives up the GIL: this thread counts while another computes.

    A kernel that kept it would let this thread in before it and after it, which is two turns.
    How many more there are is up to the machine, so a busy one gets several tries.
    """
    weight, x = random_mxfp4(1, 90), normal(4, 2880)
    rows = 50_000  # the same row again and again: stride 0
    many = Mxfp4Array(
        np.broadcast_to(weight.blocks, (rows, 90, 16)), np.broadcast_to(weight.scales, (rows, 90))
    )

    def turns_meanwhile() -> int:
        worker = threading.Thread(target=linear_released, args=(x, many))
        worker.start()
        turns = 0
        while worker.is_alive():
            time.sleep(0.001)
            turns += 1
        return turns

    assert any(turns_meanwhile() > 4 for _ in range(20))
