"""The tree of weights has every tensor of a source, where it belongs, as a view."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from ossia.checkpoint import Layout, SyntheticCheckpoint, SyntheticShape, convert, open_checkpoint
from ossia.model import Config, Params, load_params
from ossia.numerics.arrays import Array
from ossia.numerics.dequantize import to_float32

SHAPE = SyntheticShape(2, 96, 64, 6, 3, 6, 2, head_dim=32, vocabulary=301)


def leaves(params: Params) -> dict[str, Array]:
    """Every weight of the tree by its canonical name."""
    found: dict[str, Array] = {
        "embedding": params.embedding,
        "norm": params.norm,
        "unembedding": params.unembedding,
    }
    for number, layer in enumerate(params.layers):
        for room in ("attention", "experts"):
            branch = getattr(layer, room)
            for field in fields(branch):
                found[f"layers.{number}.{room}.{field.name}"] = getattr(branch, field.name)
    return found


@pytest.fixture(scope="module", params=[Layout.HF, Layout.OPENAI, Layout.GGUF])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "checkpoint"
    convert(SyntheticCheckpoint(SHAPE, seed=2), path, to=request.param)
    return path


def test_the_tree_has_every_tensor_of_the_source(path: Path) -> None:
    drawn, source = SyntheticCheckpoint(SHAPE, seed=2), open_checkpoint(path)
    found = leaves(load_params(source, Config.from_mapping(source.config).num_layers))
    assert found.keys() == source.tensors.keys()
    for name, weight in found.items():
        assert weight.shape == source.tensors[name].shape
        np.testing.assert_array_equal(to_float32(weight), to_float32(drawn.read(name)))


def test_weights_are_views_that_nothing_can_write_to(path: Path) -> None:
    source = open_checkpoint(path)
    for name, weight in leaves(load_params(source, SHAPE.layers)).items():
        for stored in (
            [weight] if isinstance(weight, np.ndarray) else [weight.blocks, weight.scales]
        ):
            assert not stored.flags.owndata, name
            assert not stored.flags.writeable, name
