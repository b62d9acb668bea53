"""Chunks of any source, and encodings that change no value."""

import mmap
from collections.abc import Callable, Mapping
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import Source
from ossia.checkpoint.streams import (
    adjacent,
    chunks,
    ggml_blocks,
    interleave,
    plain_encoding,
    to_plain,
)
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.numerics.arrays import Mxfp4Array, NibbleOrder
from ossia.numerics.dequantize import to_float32
from ossia.numerics.ggml import quantize_q8

Recode = Callable[[Source, Mapping[str, str]], Source]


@pytest.mark.parametrize("name", ["embedding", "layers.0.experts.up", "layers.0.experts.up_bias"])
def test_drawn_and_mapped_sources_come_in_the_same_runs(recode: Recode, name: str) -> None:
    drawn = SyntheticCheckpoint(SyntheticShape.parse("1x2048x2x2x1x700"), 0)
    mapped = recode(drawn, {})
    together = zip(chunks(drawn, name), chunks(mapped, name), strict=True)
    assert all(np.array_equal(to_float32(a), to_float32(b)) for a, b in together)


def test_plain_encodings_keep_every_value(recode: Recode) -> None:
    source = SyntheticCheckpoint(SyntheticShape.parse("1x64x2"), 0)
    halves = recode(source, {"embedding": "F16", "norm": "F32", "q": "Q8_0"})
    assert plain_encoding(source, "embedding") == "BF16"
    assert plain_encoding(halves, "embedding") == "F16"
    assert plain_encoding(halves, "norm") == "BF16"  # float32, but all values are bfloat16
    assert plain_encoding(halves, "layers.0.attention.q") == "BF16"
    assert plain_encoding(halves, "embedding", "norm") == "F32"
    assert plain_encoding(source, "layers.0.experts.gate") == "BF16"


def test_float32_that_is_no_bfloat16_stays(recode: Recode) -> None:
    source = recode(SyntheticCheckpoint(SyntheticShape.parse("1x64x2"), 0), {"": "F32"})
    fine = source.read("norm")
    assert isinstance(fine, np.ndarray)
    assert to_plain(fine, "F32") is fine
    original = source.read
    nudged = fine.copy()
    nudged[-1] = np.nextafter(nudged[-1], np.float32(2))
    source.read = lambda name, expert=None: (  # type: ignore[method-assign]
        nudged if name == "norm" else original(name, expert)
    )
    assert plain_encoding(source, "norm") == "F32"
    assert plain_encoding(source, "embedding") == "BF16"


def test_ggml_blocks_are_those_of_the_gguf_package() -> None:
    import gguf
    from gguf.quants import dequantize

    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (7, 3, 16), dtype=np.uint8)
    scales = rng.integers(100, 140, (7, 3), dtype=np.uint8)
    for order in NibbleOrder:
        array = Mxfp4Array(blocks, scales, order)
        stored = ggml_blocks(array)
        assert stored.shape == (7, 3 * 17)
        decoded = dequantize(stored, gguf.GGMLQuantizationType.MXFP4)
        assert np.array_equal(decoded, to_float32(array))
    q8 = quantize_q8(rng.standard_normal((5, 64)).astype(np.float32))
    decoded = dequantize(ggml_blocks(q8), gguf.GGMLQuantizationType.Q8_0)
    assert np.array_equal(decoded, to_float32(q8))


def test_nibble_order_changes_no_value() -> None:
    blocks = np.random.default_rng(1).integers(0, 256, (4, 2, 16), dtype=np.uint8)
    halves = Mxfp4Array(blocks, np.full((4, 2), 127, np.uint8), NibbleOrder.HALVES)
    again = adjacent(halves)
    assert again.nibble_order is NibbleOrder.ADJACENT
    low, high = again.blocks & 15, again.blocks >> 4
    codes = np.stack([low, high], axis=-1).reshape(4, 64).astype(np.uint8)
    assert np.array_equal(
        codes.view(ml_dtypes.float4_e2m1fn).astype(np.float32), to_float32(halves)
    )


def test_interleave() -> None:
    first, second = np.arange(6).reshape(2, 3), 10 + np.arange(6).reshape(2, 3)
    rows = interleave([first, second])
    assert np.array_equal(rows[0::2], first)
    assert np.array_equal(rows[1::2], second)
    columns = interleave([first, second], axis=1)
    assert np.array_equal(columns[:, 0::2], first)
    assert np.array_equal(columns[:, 1::2], second)
    assert interleave([first]) is first


def test_mapped_pages_are_handed_back(tmp_path: Path) -> None:
    """Resident pages of the file, by the kernel's count, after its tensor was streamed."""

    class Mapped:
        def __init__(self, source: SyntheticCheckpoint, path: Path) -> None:
            self.tensors = source.tensors
            path.write_bytes(np.ascontiguousarray(source.read("embedding")).view(np.uint8).data)
            with path.open("rb") as file:
                self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

        def read(self, name: str, _expert: int | None = None) -> np.ndarray:
            info = self.tensors[name]
            return np.frombuffer(self.map, ml_dtypes.bfloat16).reshape(info.shape)

    source = SyntheticCheckpoint(SyntheticShape.parse("1x64x2x2x1x200000"), 0)
    mapped = Mapped(source, tmp_path / "weights")
    resident = 0
    for chunk in chunks(mapped, "embedding"):  # type: ignore[arg-type]
        assert chunk.view(np.uint16).any()
        resident = max(resident, _resident_kb(tmp_path / "weights"))
    assert resident > 10_000
    assert _resident_kb(tmp_path / "weights") < 1000
    assert np.array_equal(mapped.read("embedding"), source.read("embedding"))


def _resident_kb(path: Path) -> int:
    lines = Path("/proc/self/smaps").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.endswith(str(path)))
    return next(int(line.split()[1]) for line in lines[start:] if line.startswith("Rss:"))
