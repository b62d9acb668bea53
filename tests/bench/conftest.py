"""A small random model on disk, with shapes that are easy to count."""

from pathlib import Path

import pytest

from ossia.checkpoint import Layout, SyntheticCheckpoint, SyntheticShape, convert


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "random"
    convert(SyntheticCheckpoint(SyntheticShape.parse("4x64x8x4x2x300")), path, to=Layout.HF)
    return path
