"""Packing gives the tiles that numerics defines, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ops.cpu.operands import LAYOUTS, Layout, ggml_q8, normal, random_mxfp4, random_q8

from ossia.base.errors import InputError
from ossia.numerics import ggml
from ossia.numerics.arrays import Float32, Mxfp4Array, Q8Array, TiledArray
from ossia.numerics.bf16 import BF16
from ossia.numerics.dequantize import to_float32
from ossia.numerics.tiles import tile, untile
from ossia.ops.cpu import _kernels, packing
from ossia.ops.cpu.pack import pack

SHAPES = [(1, 1), (16, 1), (15, 3), (17, 2), (64, 90), (33, 5), (3, 20, 2)]
"""Rows and blocks; the last is experts'."""

PLAIN = {"float32": np.float32, "float16": np.float16, "bfloat16": BF16}


def assert_same(found: TiledArray, expected: TiledArray) -> None:
    assert (found.rows, found.columns) == (expected.rows, expected.columns)
    assert found.scales.dtype == expected.scales.dtype
    np.testing.assert_array_equal(found.values, expected.values)
    bits = f"u{found.scales.dtype.itemsize}"  # NaN too
    np.testing.assert_array_equal(found.scales.view(bits), expected.scales.view(bits))


def quantised(numbers: Float32) -> TiledArray:
    """What plain numbers [..., rows, columns] become, by ossia.numerics."""
    columns = numbers.shape[-1]
    widths = [(0, 0)] * (numbers.ndim - 1) + [(0, -columns % 32)]
    tiled = tile(ggml.quantize_q8(np.pad(numbers, widths)))
    return TiledArray(tiled.tiles, tiled.rows, columns)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_mxfp4_keeps_its_bits(shape: tuple[int, ...], layout: Layout) -> None:
    weight = random_mxfp4(*shape)
    weight.scales[..., 0] = 255
    weight.scales[..., -1] = 0
    assert_same(pack(layout(weight)), tile(weight))


@pytest.mark.parametrize("shape", SHAPES)
def test_q8_keeps_its_values(shape: tuple[int, ...]) -> None:
    weight = random_q8(*shape)
    assert_same(pack(weight), tile(weight))
    assert_same(pack(ggml_q8(weight)), tile(weight))
    both = Q8Array(np.repeat(weight.values, 2, axis=-3), np.repeat(weight.scales, 2, axis=-2))
    assert_same(pack(Q8Array(both.values[..., ::2, :, :], both.scales[..., ::2, :])), tile(weight))


@pytest.mark.parametrize("dtype", PLAIN)
@pytest.mark.parametrize("shape", [(1, 1), (16, 32), (5, 31), (17, 33), (3, 2880), (2, 20, 70)])
def test_plain_numbers_become_q8(shape: tuple[int, ...], dtype: str) -> None:
    numbers = normal(*shape).astype(PLAIN[dtype])
    expected = quantised(to_float32(numbers))
    assert_same(pack(numbers), expected)
    interleaved = np.repeat(numbers, 2, axis=-2)[..., 1::2, :]  # as gate and up of bf16 experts
    assert_same(pack(interleaved), expected)
    transposed = np.swapaxes(numbers, -1, -2).copy()  # Hugging Face's experts of bfloat16
    assert_same(pack(np.swapaxes(transposed, -1, -2)), expected)
    wider = np.concatenate([numbers, numbers], axis=-1)[..., : shape[-1]]
    assert_same(pack(wider), expected)


@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 130),
    exponent=st.integers(-149, 15),
    dtype=st.sampled_from(sorted(PLAIN)),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150)
def test_plain_numbers_of_any_size(
    rows: int, columns: int, exponent: int, dtype: str, seed: int
) -> None:
    """Down to where float16 has no scale left, and values on the edge between two bytes."""
    rng = np.random.default_rng(seed)
    if dtype == "float16":
        exponent = max(-24, min(exponent, 8))
    steps = rng.integers(-254, 255, (rows, columns)) / 2  # ties wherever 127 is the largest
    numbers = np.ldexp(steps, exponent).astype(PLAIN[dtype])
    assert_same(pack(numbers), quantised(to_float32(numbers)))


BAD = [np.nan, -np.nan, np.inf, -np.inf]


@pytest.mark.parametrize(
    ("dtype", "bad"),
    [*((dtype, bad) for dtype in PLAIN for bad in BAD), ("float32", 9e6), ("bfloat16", -3e38)],
)
@pytest.mark.parametrize("column", [0, 31, 40])
def test_what_8_bits_cannot_hold_shows(dtype: str, bad: float, column: int) -> None:
    numbers = normal(17, 41)
    expected = quantised(numbers.astype(PLAIN[dtype]).astype(np.float32))
    numbers[16, column] = bad
    packed = pack(numbers.astype(PLAIN[dtype]))
    is_bad = ~np.isfinite(packed.scales)
    assert np.argwhere(is_bad).tolist() == [[1, column // 32, 0]]
    found = to_float32(packed)
    np.testing.assert_array_equal(found[:16], to_float32(expected)[:16])
    assert not np.isfinite(found[16]).any(where=np.arange(41) // 32 == column // 32)
    assert np.isnan(bad) == np.isnan(packed.scales[1, column // 32, 0])


def test_rounding_to_8_bits_is_within_half_a_step() -> None:
    numbers = normal(50, 320)
    packed = pack(numbers)
    scales = np.repeat(untile(packed).scales.astype(np.float64), 32, axis=-1)
    # Half a step, and what the scale itself is off by: 2**-11 of 127 steps.
    assert (np.abs(to_float32(packed) - numbers) <= scales * (0.5 + 127 * 2.0**-11)).all()


def test_tiles_stay_as_they_are() -> None:
    packed = pack(random_mxfp4(16, 2))
    assert pack(packed) is packed


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads_gives_the_same_bytes(threads: int) -> None:
    _kernels.set_num_threads(threads)
    weight, numbers = random_mxfp4(500, 7), normal(333, 77)
    assert_same(pack(weight), tile(weight))
    assert_same(pack(numbers), quantised(numbers))


def test_the_environment_says_whether_to_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OSSIA_WEIGHTS", raising=False)
    assert packing() == "tiles16-3"
    monkeypatch.setenv("OSSIA_WEIGHTS", "memory")
    assert packing() == "tiles16-3"
    monkeypatch.setenv("OSSIA_WEIGHTS", "released")
    assert packing() is None
    monkeypatch.setenv("OSSIA_WEIGHTS", "paper")
    with pytest.raises(InputError, match="OSSIA_WEIGHTS is 'paper'; expected packed, memory or"):
        packing()


def test_bad_weights_are_refused() -> None:
    weight = random_mxfp4(16, 2)
    with pytest.raises(TypeError, match="blocks must be uint8"):
        pack(Mxfp4Array(weight.blocks.view(np.int8), weight.scales))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="blocks must not run backwards"):
        pack(weight[::-1])
    with pytest.raises(ValueError, match="must agree in rows and blocks"):
        pack(Mxfp4Array(weight.blocks[:4], weight.scales))
    with pytest.raises(TypeError, match="scales must be float16"):
        pack(Q8Array(random_q8(16, 2).values, normal(16, 2)))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="numbers must be float32, float16 or uint16"):
        pack(np.zeros((16, 32)))
    with pytest.raises(ValueError, match="numbers must not run backwards"):
        pack(normal(16, 32)[::-1])


def test_room_for_tiles_must_fit() -> None:
    weight, good = random_mxfp4(17, 2), pack(random_mxfp4(17, 2))
    blocks, scales = weight.blocks, weight.scales
    for tiles, words in (
        (good.tiles[:1], "tiles must have the shape"),
        (good.tiles[..., :256].copy(), "tiles must have the shape"),
        (np.repeat(good.tiles, 2, axis=-1)[..., ::2], "tiles must be contiguous"),
    ):
        with pytest.raises(ValueError, match=words):
            _kernels.pack_mxfp4_tiles(blocks, scales, False, tiles)
