"""From a checkpoint's named tensors to the tree of weights. Copies nothing."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from ossia.checkpoint.source import Source
from ossia.model.params import AttentionParams, ExpertsParams, LayerParams, Params
from ossia.numerics.arrays import Array


def load_params(source: Source, num_layers: int) -> Params:
    """The weights of ``source`` as a tree of views; see ``prepare_params`` for what is faster.

    Raises:
        CheckpointError: from the source, when its files changed since they were opened.
    """
    return build_params(source.read, num_layers)


def build_params(read: Callable[[str], Array], num_layers: int) -> Params:
    """The tree, each leaf read by its canonical name."""
    layers = tuple(
        LayerParams(
            _branch(read, AttentionParams, f"layers.{layer}.attention"),
            _branch(read, ExpertsParams, f"layers.{layer}.experts"),
        )
        for layer in range(num_layers)
    )
    return Params(read("embedding"), layers, read("norm"), read("unembedding"))


def _branch(read: Callable[[str], Array], kind: type[Any], prefix: str) -> Any:
    """A dataclass whose fields are named as the tensors under ``prefix`` are."""
    return kind(**{field.name: read(f"{prefix}.{field.name}") for field in fields(kind)})
