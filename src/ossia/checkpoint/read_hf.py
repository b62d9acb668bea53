"""Reads the layout of openai/gpt-oss-20b and -120b on Hugging Face, and what transformers saves.

Knows that layout's names and the two spellings of its config.json (transformers 4 and 5).
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
from ossia.checkpoint.write_hf import NAMES
from ossia.numerics.arrays import Array


def read_hf(
    path: Path, folder: Path, name: str | None, values: Mapping[str, Any]
) -> MappedCheckpoint:
    """A checkpoint in Hugging Face's layout.

    Args:
        path: that the user gave.
        folder: where config.json lies.
        name: as for ``open_weights``.
        values: of config.json.

    Raises:
        CheckpointError: configuration and weights are not those of one gpt-oss.
    """
    config = hf_config(values, str(folder / "config.json"))
    directory, files = open_weights(folder, name)
    shapes = dict(tensor_shapes(config))
    arrays = dict(_arrays(directory, config["num_hidden_layers"], shapes))
    directory.check_all_taken()
    ordered = {name: arrays[name] for name in shapes}
    return MappedCheckpoint(path, Layout.HF, config, vocabulary_beside(folder), ordered, files)


def _arrays(
    directory: Directory, num_layers: int, shapes: Mapping[str, Shape]
) -> Iterator[tuple[str, Array]]:
    yield from stacked(directory, "model.embed_tokens.weight", ["embedding"], shapes)
    for layer in range(num_layers):
        ours, theirs = f"layers.{layer}.", f"model.layers.{layer}."
        for name, stored in NAMES.items():
            yield from stacked(directory, theirs + stored, [ours + name], shapes)
        for kinds, fused in ((GATE_UP, "gate_up_proj"), (DOWN, "down_proj")):
            parts = [f"{ours}experts.{kind}" for kind in kinds]
            name = f"{theirs}mlp.experts.{fused}"
            yield from experts(directory, name, parts, shapes, suffixes="_{}", is_transposed=True)
            bias_parts = [f"{part}_bias" for part in parts]
            yield from biases(directory, f"{name}_bias", bias_parts, shapes)
    yield from stacked(directory, "model.norm.weight", ["norm"], shapes)
    yield from stacked(directory, "lm_head.weight", ["unembedding"], shapes)


def hf_config(values: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """config.json as the released one spells it, checked.

    Raises:
        CheckpointError: it is of another model, quantised in an unknown way, or has absurd sizes.
    """
    kind = values.get("model_type")
    if kind != "gpt_oss":
        found = "names no model_type" if kind is None else f"is a {kind!r:.40}, not a gpt-oss"
        raise CheckpointError(f"{origin}: {found}; ossia runs models of model_type gpt_oss")
    quantization = values.get("quantization_config")
    method = quantization.get("quant_method") if isinstance(quantization, Mapping) else None
    if quantization is not None and method != "mxfp4":
        raise CheckpointError(
            f"{origin}: quantised by {method!r:.40}; ossia reads MXFP4 as released, or plain "
            "BF16, F16 or F32"
        )
    config = dict(values)
    config["rope_scaling"] = None
    rope = values.get("rope_scaling")
    if (parameters := config.pop("rope_parameters", None)) is not None:  # transformers 5
        rope = parameters
    if rope is not None:
        config |= _rope(rope, origin)
    return complete(config, origin)


def _rope(rope: Any, origin: str) -> dict[str, Any]:
    """rope_scaling (transformers 4) or rope_parameters (5) as rope_theta and rope_scaling."""
    if not isinstance(rope, Mapping):
        raise CheckpointError(f"{origin}: the rotary embedding is {rope!r:.40}; expected an object")
    scaling = {key: value for key, value in rope.items() if value is not None}
    config = {"rope_theta": scaling.pop("rope_theta")} if "rope_theta" in scaling else {}
    kind = scaling.pop("type", None)
    kind = scaling.pop("rope_type", kind)
    if kind == "default":
        return config
    if kind != "yarn":
        raise CheckpointError(
            f"{origin}: the rotary embedding is of the type {kind!r:.40}; ossia knows yarn and "
            "default"
        )
    # transformers rounds the bounds of the blend unless it is told not to.
    return config | {"rope_scaling": {"truncate": True} | scaling | {"rope_type": "yarn"}}
