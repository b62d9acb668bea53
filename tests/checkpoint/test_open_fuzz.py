"""Any damage to any byte: the model opens, or one CheckpointError says why not."""

import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ossia.base.errors import CheckpointError
from ossia.checkpoint import Layout, SyntheticCheckpoint, SyntheticShape, convert, open_checkpoint
from ossia.checkpoint.source import TokenizerFiles

FILES = [
    (Layout.HF, "model.safetensors"),
    (Layout.HF, "config.json"),
    (Layout.OPENAI, "model.safetensors"),
    (Layout.OPENAI, "config.json"),
    (Layout.GGUF, "model.gguf"),
]

# Where the bytes are that say something: weights may hold anything.
EDITS = st.lists(
    st.tuples(st.integers(0, 8000) | st.integers(0, 60), st.integers(0, 255)),
    min_size=1,
    max_size=6,
)
CUTS = st.none() | st.integers(0, 60_000)
MOVES = st.none() | st.tuples(st.integers(0, 8000), st.integers(0, 8000), st.integers(1, 40))


@pytest.fixture(scope="module")
def models(
    tmp_path_factory: pytest.TempPathFactory, byte_tokenizer: TokenizerFiles
) -> Mapping[Layout, Path]:
    """As small as a gpt-oss can be, each in a folder."""
    drawn = SyntheticCheckpoint(SyntheticShape.parse("1x32x2x2x1x264"), 0, byte_tokenizer)
    folder = tmp_path_factory.mktemp("models")
    for layout in (Layout.HF, Layout.OPENAI):
        convert(drawn, folder / layout.value, to=layout)
    (folder / "gguf").mkdir()
    convert(drawn, folder / "gguf" / "model.gguf", to=Layout.GGUF)
    return {layout: folder / layout.value for layout in (Layout.HF, Layout.OPENAI, Layout.GGUF)}


@pytest.mark.parametrize(("layout", "name"), FILES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS, cut=CUTS, move=MOVES)
def test_damage_is_told_in_one_line(
    models: Mapping[Layout, Path],
    layout: Layout,
    name: str,
    edits: list[tuple[int, int]],
    cut: int | None,
    move: tuple[int, int, int] | None,
) -> None:
    path = models[layout] / name
    whole = path.read_bytes()
    damaged = bytearray(whole)
    for position, value in edits:
        damaged[position % len(damaged)] = value
    if move is not None:
        start, to, length = move
        damaged[to : to + length] = damaged[start : start + length]
    path.write_bytes(damaged[:cut])
    tracemalloc.start()
    try:
        told = _open_and_use(models[layout])
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
        path.write_bytes(whole)
    assert "\n" not in told
    assert len(told) < len(str(path)) + 500


def _open_and_use(path: Path) -> str:
    """What is said about a model that does not open; nothing, once every part was asked for."""
    try:
        source = open_checkpoint(path)
        for name, info in source.tensors.items():
            assert source.read(name).shape == info.shape
        assert all(value is not None for value in (source.tokenizer.gguf or {}).values())
    except CheckpointError as error:
        return str(error)
    return ""
