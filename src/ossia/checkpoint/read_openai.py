"""Reads OpenAI's own layout, as in the ``original/`` folder of the released repositories.

Knows that layout's names and its short config.json. Source: openai/gpt-oss,
``gpt_oss/torch/weights.py`` and ``model.py``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ossia.base.errors import CheckpointError
from ossia.checkpoint.beside import vocabulary_beside
from ossia.checkpoint.configuration import complete
from ossia.checkpoint.directory import Directory
from ossia.checkpoint.expected import Shape, tensor_shapes
from ossia.checkpoint.fuse import DOWN, GATE_UP
from ossia.checkpoint.mapped_source import MappedCheckpoint
from ossia.checkpoint.read_safetensors import open_weights
from ossia.checkpoint.source import Layout
from ossia.checkpoint.unfuse import biases, experts, stacked
from ossia.checkpoint.write_openai import NAMES, RENAMED, SAME
from ossia.numerics.arrays import Array


def read_openai(
    path: Path, folder: Path, name: str | None, values: Mapping[str, Any]
) -> MappedCheckpoint:
    """A checkpoint in OpenAI's layout; arguments as for ``read_hf``.

    Raises:
        CheckpointError: configuration and weights are not those of one gpt-oss.
    """
    config = openai_config(values, str(folder / "config.json"))
    directory, files = open_weights(folder, name)
    shapes = dict(tensor_shapes(config))
    arrays = dict(_arrays(directory, config["num_hidden_layers"], shapes))
    directory.check_all_taken()
    ordered = {name: arrays[name] for name in shapes}
    vocabulary = vocabulary_beside(folder, folder.absolute().parent)
    return MappedCheckpoint(path, Layout.OPENAI, config, vocabulary, ordered, files)


def _arrays(
    directory: Directory, num_layers: int, shapes: Mapping[str, Shape]
) -> Iterator[tuple[str, Array]]:
    yield from stacked(directory, "embedding.weight", ["embedding"], shapes)
    for layer in range(num_layers):
        ours, theirs = f"layers.{layer}.", f"block.{layer}."
        for stored, parts in NAMES.items():
            yield from stacked(directory, theirs + stored, [ours + part for part in parts], shapes)
        for kinds, fused in ((GATE_UP, "mlp1"), (DOWN, "mlp2")):
            matrices = [f"{ours}experts.{kind}" for kind in kinds]
            name = f"{theirs}mlp.{fused}_weight"
            yield from experts(
                directory, name, matrices, shapes, suffixes=".{}", is_transposed=False
            )
            bias_parts = [f"{part}_bias" for part in matrices]
            yield from biases(directory, f"{theirs}mlp.{fused}_bias", bias_parts, shapes)
    yield from stacked(directory, "norm.scale", ["norm"], shapes)
    yield from stacked(directory, "unembedding.weight", ["unembedding"], shapes)


def is_openai_config(values: Mapping[str, Any]) -> bool:
    """Whether a config.json speaks this layout's vocabulary."""
    return "model_type" not in values and "num_experts" in values


def openai_config(values: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """The short config.json in Hugging Face's vocabulary, checked.

    Raises:
        CheckpointError: a size is missing or absurd.
    """
    config: dict[str, Any] = {"model_type": "gpt_oss"}
    config |= {key: values[key] for key in SAME if key in values}
    config |= {ours: values[theirs] for theirs, ours in RENAMED.items() if theirs in values}
    context = values.get("initial_context_length", 4096)
    factor = values.get("rope_scaling_factor", 32.0)
    for key, number in (("initial_context_length", context), ("rope_scaling_factor", factor)):
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < 1e9:
            raise CheckpointError(f"{origin}: {key} is {number!r:.40}; expected a number above 0")
    config["max_position_embeddings"] = int(context * max(factor, 1))
    if factor > 1:
        config["rope_scaling"] = {
            "rope_type": "yarn",
            "factor": float(factor),
            "original_max_position_embeddings": context,
            "beta_fast": values.get("rope_ntk_beta", 32.0),
            "beta_slow": values.get("rope_ntk_alpha", 1.0),
            "truncate": False,
        }
    return complete(config, origin)
