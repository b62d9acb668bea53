"""Weights from a seed: the same everywhere, different with another seed, and well behaved."""

import hashlib
import tracemalloc

import numpy as np
import pytest

from ossia.checkpoint.shape import PRESETS, SyntheticShape
from ossia.checkpoint.source import Layout
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.numerics.arrays import Array, Mxfp4Array
from ossia.numerics.dequantize import to_float32

SHAPE = SyntheticShape.parse("2x64x4")
DIGEST_OF_SEED_7 = "074c4441680f486f3e4fb39c82f8a050a0976da5b7853ec21d754ec34350243c"


def _bytes(array: Array) -> bytes:
    if isinstance(array, Mxfp4Array):
        return array.blocks.tobytes() + array.scales.tobytes()
    assert isinstance(array, np.ndarray)
    return array.tobytes()


def _digest(source: SyntheticCheckpoint) -> str:
    digest = hashlib.sha256()
    for name in source.tensors:
        digest.update(name.encode() + _bytes(source.read(name)))
    return digest.hexdigest()


def test_the_seed_is_the_model() -> None:
    """Frozen: weights that change with a version of NumPy or ossia would not be the same model."""
    assert _digest(SyntheticCheckpoint(SHAPE, 7)) == DIGEST_OF_SEED_7
    assert _digest(SyntheticCheckpoint(SHAPE, 8)) != DIGEST_OF_SEED_7


def test_no_two_tensors_are_alike() -> None:
    source = SyntheticCheckpoint(SHAPE, 0)
    matrices = [n for n, info in source.tensors.items() if len(info.shape) > 1 and "bias" not in n]
    heads = [to_float32(source.read(name)).reshape(-1)[:64].tobytes() for name in matrices]
    assert len(set(heads)) == len(matrices)


def test_every_tensor_is_as_described() -> None:
    source = SyntheticCheckpoint(SyntheticShape.parse("1x96x3x6x2x100"), 1)
    assert source.layout is Layout.SYNTHETIC
    assert next(iter(source.tensors)) == "embedding"
    assert list(source.tensors)[-2:] == ["norm", "unembedding"]
    for name, info in source.tensors.items():
        array = source.read(name)
        assert array.shape == info.shape
        assert array.nbytes == info.nbytes
        assert np.isfinite(to_float32(array)).all()
    with pytest.raises(KeyError):
        source.read("layers.1.attention.q")


def test_an_expert_alone_is_a_slice_of_all() -> None:
    source = SyntheticCheckpoint(SHAPE, 1)
    for name in ("layers.1.experts.gate", "layers.1.experts.down_bias"):
        whole = source.read(name)
        for expert in range(4):
            assert _bytes(source.read(name, expert)) == _bytes(whole[expert])


def test_a_stream_is_the_tensor_in_runs_of_rows() -> None:
    source = SyntheticCheckpoint(SyntheticShape.parse("1x2048x2x2x1x1500"), 3)
    runs = list(source.stream("embedding"))
    assert len(runs) == 3
    assert b"".join(map(_bytes, runs)) == _bytes(source.read("embedding"))
    parts = list(source.stream("layers.0.experts.up", 1))
    assert len(parts) == 4
    joined = np.concatenate([to_float32(part) for part in parts])
    assert np.array_equal(joined, to_float32(source.read("layers.0.experts.up", 1)))


def test_a_stream_of_the_largest_tensor_takes_little_memory() -> None:
    source = SyntheticCheckpoint(PRESETS["120b"], 0)
    assert source.tensors["embedding"].nbytes > 1_000_000_000
    tracemalloc.start()
    try:
        runs = source.stream("embedding")
        for _ in range(5):
            next(runs)
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("name", "expected"), [
    ("embedding", 1.0),
    ("layers.0.attention.q", 1 / 16),
    ("layers.0.attention.out", 1 / np.sqrt(2 * 6) / np.sqrt(512)),
    ("layers.0.experts.gate", 1 / 16),
    ("layers.0.experts.up", 2 / 16),
    ("unembedding", 2 / 16),
])  # fmt: skip
def test_weights_have_the_size_that_their_fan_in_asks_for(name: str, expected: float) -> None:
    weights = to_float32(SyntheticCheckpoint(SyntheticShape.parse("6x256x4"), 0).read(name))
    rms = np.sqrt(np.mean(weights**2))
    assert expected / 1.5 < rms < expected * 1.5
    assert abs(weights.mean()) < rms / 50


def test_norms_are_near_one() -> None:
    norm = to_float32(SyntheticCheckpoint(PRESETS["20b"], 0).read("norm"))
    assert norm.min() >= 0.875
    assert norm.max() < 1.25
    assert len(np.unique(norm)) > 32
