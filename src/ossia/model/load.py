"""From a checkpoint's named tensors to the tree of weights. Copies nothing."""

from dataclasses import fields
from typing import Any

from ossia.checkpoint.source import Source
from ossia.model.params import AttentionParams, ExpertsParams, LayerParams, Params


def load_params(source: Source, num_layers: int) -> Params:
    """The weights of ``source`` as a tree of views.

    Raises:
        CheckpointError: from the source, when its files changed since they were opened.
    """
    layers = tuple(
        LayerParams(
            _branch(source, AttentionParams, f"layers.{layer}.attention"),
            _branch(source, ExpertsParams, f"layers.{layer}.experts"),
        )
        for layer in range(num_layers)
    )
    return Params(source.read("embedding"), layers, source.read("norm"), source.read("unembedding"))


def _branch(source: Source, kind: type[Any], prefix: str) -> Any:
    """A dataclass whose fields are named as the tensors under ``prefix`` are."""
    return kind(**{field.name: source.read(f"{prefix}.{field.name}") for field in fields(kind)})
