"""Products over tiles: the same bits everywhere, near the oracle, and how near to the reference."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.ops.cpu.operands import (
    each_instruction_set,
    normal,
    random_mxfp4,
    random_q8,
    rounded,
)

from ossia.numerics.arrays import Array, Float32, TiledArray
from ossia.numerics.bf16 import BF16
from ossia.numerics.dequantize import to_float32
from ossia.ops import reference
from ossia.ops.cpu import _kernels, embed, gather_rows, linear
from ossia.ops.cpu.pack import pack

WEIGHTS: dict[str, Array] = {
    "one": random_mxfp4(1, 1),
    "mxfp4": random_mxfp4(40, 7),
    "mxfp4_wide": random_mxfp4(64, 90),
    "mxfp4_odd": random_mxfp4(33, 3),
    "q8": random_q8(40, 7),
    "q8_odd": random_q8(5, 2),
    "f32": normal(50, 96),
    "f32_odd": normal(17, 41),
    "bf16_odd": normal(31, 1).astype(BF16),
}
TOKENS = 50


def operands(name: str) -> tuple[Float32, TiledArray, Float32]:
    """x [50, columns] of very different sizes, tiles, bias [rows]."""
    tiled = pack(WEIGHTS[name])
    x = normal(TOKENS, tiled.columns) * np.logspace(-6, 6, TOKENS, dtype=np.float32)[:, None]
    return x, tiled, normal(tiled.rows, seed=5)


def assert_near_oracle(y: Float32, x: Float32, weight: Array, bias: Float32 | None) -> None:
    """Float64 on the same rounded activations.

    A block's dot product is exact in integers. Its two scales' product and the fused
    multiply-add each round once, the bias rounds once more: (blocks + 3) roundings at most meet
    each term, all relative to the sum of the terms' magnitudes.
    """
    values, _ = rounded(x)
    exact = to_float32(weight).astype(np.float64)  # [rows, columns]
    blocks = -(-x.shape[1] // 32)
    magnitudes = np.abs(values) @ np.abs(exact).T
    expected = values @ exact.T
    if bias is not None:
        expected, magnitudes = expected + bias, magnitudes + np.abs(bias)
    assert (np.abs(y - expected) <= (blocks + 3) * 2.0**-24 * magnitudes).all()


def bound_of_rounding(x: Float32, weight: Array) -> NDArray[np.float64]:
    """How far 8-bit activations move a result: [tokens, rows].

    A rounded activation is off by half a step of its block's scale, and by what float32 loses on
    the way (127 steps times 2**-22 at most); each meets its weight's magnitude.
    """
    _, scales = rounded(x)
    bound: NDArray[np.float64] = (scales * (0.5 + 127 * 2.0**-22)) @ np.abs(
        to_float32(weight).astype(np.float64)
    ).T
    return bound


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_instruction_set_that_was_asked_for_runs_and_is_near(
    instruction_set: str, name: str
) -> None:
    x, weight, bias = operands(name)
    y = np.full((TOKENS, weight.rows), np.nan, np.float32)
    ran = _kernels.linear_q8_tiles(x, weight.tiles, bias, y)
    assert ran == instruction_set
    assert_near_oracle(y, x, weight, bias)
    assert_near_oracle(linear(x, weight), x, weight, None)
    np.testing.assert_array_equal(linear(x, weight, bias), y)


@pytest.mark.parametrize("name", WEIGHTS)
def test_within_half_a_step_of_the_reference(name: str) -> None:
    x, weight, bias = operands(name)
    exact = to_float32(weight)
    expected = reference.linear(x, exact, bias)
    float32_bound = 2.0**-24 * (x.shape[1] + 3) * (np.abs(x) @ np.abs(exact).T + np.abs(bias))
    found = np.abs(linear(x, weight, bias) - expected)
    assert (found <= bound_of_rounding(x, weight) + 2 * float32_bound).all()


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", WEIGHTS)
def test_a_token_gets_the_same_bits_in_any_company(
    instruction_set: str, name: str, threads: int
) -> None:
    x, weight, bias = operands(name)
    _kernels.set_num_threads(1)
    alone = np.concatenate([linear(x[t : t + 1], weight, bias) for t in range(TOKENS)])
    _kernels.set_num_threads(threads)
    for tokens in range(1, TOKENS + 1):
        np.testing.assert_array_equal(
            linear(x[:tokens], weight, bias), alone[:tokens], instruction_set
        )
    np.testing.assert_array_equal(linear(x[::-1].copy(), weight, bias), alone[::-1])


def test_a_row_does_not_depend_on_its_neighbours(instruction_set: str) -> None:
    weight, x = random_mxfp4(40, 7), normal(9, 224)
    whole = linear(x, pack(weight))
    for first, last in ((0, 1), (3, 20), (39, 40)):
        part = linear(x, pack(weight[first:last]))
        np.testing.assert_array_equal(part, whole[:, first:last], instruction_set)


@given(
    rows=st.integers(1, 70),
    columns=st.integers(1, 300),
    tokens=st.integers(1, 220),
    threads=st.integers(1, 4),
    kind=st.sampled_from(["mxfp4", "q8", "plain"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=120)
def test_all_instruction_sets_give_the_same_bits(
    rows: int, columns: int, tokens: int, threads: int, kind: str, seed: int
) -> None:
    """Up to more tokens than one task takes (192)."""
    blocks = -(-columns // 32)
    if kind == "plain":
        weight = pack(normal(rows, columns, seed=seed))
    else:
        make = random_mxfp4 if kind == "mxfp4" else random_q8
        weight = pack(make(rows, blocks, seed=seed))
    x = normal(tokens, weight.columns, seed=seed + 1)
    x[np.random.default_rng(seed).random(x.shape) < 0.1] = 0
    _kernels.set_num_threads(threads)
    results = [linear(x, weight) for _ in each_instruction_set()]
    assert_near_oracle(results[0], x, weight, None)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize("largest", [0.0, 1e-45, 1e-40, 1e-38, 3e-37, 4e-37, 1e-30, 1e30, 1e35])
@pytest.mark.parametrize("kind", ["mxfp4", "q8"])
def test_activations_of_any_size(kind: str, largest: float) -> None:
    """Down to denormal ones, taken for zeros where 127 over the largest is beyond float32."""
    make = random_mxfp4 if kind == "mxfp4" else random_q8
    exact = to_float32(make(20, 2)).astype(np.float64)
    weight = pack(make(20, 2))
    x = (normal(7, 64) / 8).clip(-1, 1) * np.float32(largest)
    results = [linear(x, weight) for _ in each_instruction_set()]
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
    half_step = 0.504 * np.abs(x.reshape(7, 2, 32)).max(axis=-1).repeat(32, axis=-1) / 127
    lost = np.where(np.abs(x) < 4e-37, np.abs(x), 0)
    expected = x.astype(np.float64) @ exact.T
    bound = np.maximum(half_step, lost) @ np.abs(exact).T
    slack = 1e-6 * np.abs(expected) + 1e-44 * np.abs(exact).sum()
    assert (np.abs(results[0] - expected) <= bound + slack).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 17, 32, 63])
@pytest.mark.parametrize("kind", ["mxfp4", "q8"])
def test_no_number_among_activations_shows_in_its_token(
    instruction_set: str, kind: str, column: int, bad: float
) -> None:
    weight = pack(random_mxfp4(20, 2) if kind == "mxfp4" else random_q8(20, 2))
    x = normal(13, 64)
    expected = linear(x, weight)
    x[5, column] = bad
    found = linear(x, weight)
    assert not np.isfinite(found[5]).any()
    others = np.arange(13) != 5
    np.testing.assert_array_equal(found[others], expected[others], instruction_set)


@pytest.mark.parametrize("is_zero", [False, True])
@pytest.mark.parametrize("kind", ["mxfp4", "q8", "q8_infinite"])
def test_no_number_among_scales_shows_in_its_row(
    instruction_set: str, kind: str, is_zero: bool
) -> None:
    weight: Array = random_mxfp4(20, 2) if kind == "mxfp4" else random_q8(20, 2)
    assert not isinstance(weight, np.ndarray)
    x = normal(13, 64)
    if is_zero:
        x[:, :] = 0
    expected = linear(x, pack(weight))
    weight.scales[17, 1] = {"mxfp4": 255, "q8": np.nan, "q8_infinite": np.inf}[kind]
    found = linear(x, pack(weight))
    assert not np.isfinite(found[:, 17]).any()
    others = np.arange(20) != 17
    np.testing.assert_array_equal(found[:, others], expected[:, others], instruction_set)


def test_no_tokens_and_unaligned_tokens(instruction_set: str) -> None:
    x, weight, bias = operands("mxfp4_odd")
    assert linear(x[:0], weight, bias).shape == (0, weight.rows)
    shifted = np.frombuffer(b"?" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    assert not shifted.flags.aligned
    np.testing.assert_array_equal(
        linear(shifted, weight, bias), linear(x, weight, bias), instruction_set
    )


def test_bad_arguments_are_refused() -> None:
    x, weight, bias = operands("mxfp4_odd")
    with pytest.raises(TypeError, match="x has the wrong dtype"):
        linear(x.astype(np.float64), weight)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x must have 2 axes, not 1"):
        linear(x[0], weight)
    with pytest.raises(ValueError, match="x must be contiguous"):
        linear(np.repeat(x, 2, axis=1)[:, ::2], weight)
    for columns in (95, 64, 97, 128):
        with pytest.raises(ValueError, match=f"x has {columns} columns, the weight 96"):
            linear(normal(2, columns), weight)
    with pytest.raises(ValueError, match=r"bias must have the shape \(33, \)"):
        linear(x, weight, bias[:-1])
    with pytest.raises(TypeError, match="bias has the wrong dtype"):
        linear(x, weight, bias.astype(BF16).view(np.uint16))
    with pytest.raises(ValueError, match="not as many rows as the result"):
        linear(x, TiledArray(weight.tiles, 80, weight.columns))
    with pytest.raises(ValueError, match="not cut into tiles"):
        linear(x, TiledArray(weight.tiles[..., :256].copy(), 33, 96))
    with pytest.raises(TypeError, match="weight has the wrong dtype"):
        linear(x, TiledArray(weight.tiles.view(np.int8), 33, 96))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weight must be contiguous"):
        linear(x, TiledArray(np.repeat(weight.tiles, 2, 1)[:, ::2], 33, 96))


def test_what_only_the_binding_can_be_given_is_refused_too() -> None:
    x, weight, _ = operands("mxfp4_odd")
    read_only = np.empty((TOKENS, 33), np.float32)
    read_only.flags.writeable = False
    bad: list[Any] = [np.empty((TOKENS, 33)), read_only, None]
    for y in bad:
        with pytest.raises(TypeError):
            _kernels.linear_q8_tiles(x, weight.tiles, None, y)
    y = np.empty((TOKENS - 1, 33), np.float32)
    with pytest.raises(ValueError, match="as many tokens"):
        _kernels.linear_q8_tiles(x, weight.tiles, None, y)


def test_embed_and_gather_rows_pick_rows() -> None:
    table = normal(40, 96)
    ids = np.array([3, 0, 39, 3], np.int32)
    np.testing.assert_array_equal(
        embed(table.astype(BF16), ids), to_float32(table.astype(BF16))[ids]
    )
    weight = random_mxfp4(40, 3)
    np.testing.assert_array_equal(embed(weight, ids), to_float32(weight)[ids])
    np.testing.assert_array_equal(gather_rows(table, ids), table[ids])
