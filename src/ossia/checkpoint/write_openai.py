"""Writes OpenAI's own layout, as in the ``original/`` folder of the released repositories.

Knows that layout's names and its short config.json. Source: openai/gpt-oss,
``gpt_oss/torch/weights.py`` and ``model.py``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ossia.checkpoint.destination import check_free, new_folder
from ossia.checkpoint.fixed import check_fixed
from ossia.checkpoint.fuse import (
    DOWN,
    GATE_UP,
    biases,
    has_mxfp4_experts,
    mxfp4_experts,
    plain_experts,
    rounding_notes,
    stacked,
)
from ossia.checkpoint.source import Source
from ossia.checkpoint.stored import Group, Progress, Tally, Written, silent, write_file
from ossia.checkpoint.vocabulary import tokenizer_json
from ossia.checkpoint.write_safetensors import header, write_json

NAMES = {
    "attn.norm.scale": ("attention.norm",),
    "attn.qkv.weight": ("attention.q", "attention.k", "attention.v"),
    "attn.qkv.bias": ("attention.q_bias", "attention.k_bias", "attention.v_bias"),
    "attn.sinks": ("attention.sinks",),
    "attn.out.weight": ("attention.out",),
    "attn.out.bias": ("attention.out_bias",),
    "mlp.norm.scale": ("experts.norm",),
    "mlp.gate.weight": ("experts.router",),
    "mlp.gate.bias": ("experts.router_bias",),
}
"""A block's tensors and what of ours lies in each; experts are fused otherwise."""

SAME = (
    "num_hidden_layers",
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "swiglu_limit",
    "head_dim",
    "num_attention_heads",
    "num_key_value_heads",
    "sliding_window",
    "rope_theta",
)
"""Keys of config.json that mean the same in Hugging Face's."""

RENAMED = {"num_experts": "num_local_experts", "experts_per_token": "num_experts_per_tok"}
"""Keys that are spelled otherwise there."""


def write_openai(source: Source, destination: Path, *, progress: Progress = silent) -> Written:
    """Write a checkpoint in OpenAI's layout: one model.safetensors and config.json.

    A vocabulary goes with it as tokenizer.json, which the released folder does not have.

    Args:
        source: any checkpoint.
        destination: does not exist, or is an empty folder.
        progress: told bytes of tensors written and bytes in all.

    Raises:
        InputError: the destination exists or cannot be written, or the layout cannot say what the
            model's configuration says.
        ResourceError: the disk is or becomes full.
    """
    check_free(destination, is_folder=True)
    config = _config(source)
    groups = list(_groups(source))
    vocabulary = tokenizer_json(source.tokenizer)
    tally = Tally(groups, progress)
    with new_folder(destination, tally.total + len(vocabulary or b"")) as folder:
        write_file(folder / "model.safetensors", header(groups), groups, tally)
        write_json(folder / "config.json", config)
        if vocabulary is not None:
            (folder / "tokenizer.json").write_bytes(vocabulary)
    files = (destination / "model.safetensors",)
    return Written(destination, files, tally.total, rounding_notes(source))


def _groups(source: Source) -> Iterator[Group]:
    yield stacked(source, "embedding.weight", ["embedding"])
    is_mxfp4 = has_mxfp4_experts(source)
    for layer in range(source.config["num_hidden_layers"]):
        ours, theirs = f"layers.{layer}.", f"block.{layer}."
        for stored, parts in NAMES.items():
            yield stacked(source, theirs + stored, [ours + part for part in parts])
        for kinds, fused in ((GATE_UP, "mlp1"), (DOWN, "mlp2")):
            matrices = [f"{ours}experts.{kind}" for kind in kinds]
            name = f"{theirs}mlp.{fused}_weight"
            if is_mxfp4:
                yield mxfp4_experts(source, name, matrices, ".{}")
            else:
                yield plain_experts(source, name, matrices, is_transposed=False)
            yield biases(source, f"{theirs}mlp.{fused}_bias", [f"{part}_bias" for part in matrices])
    yield stacked(source, "norm.scale", ["norm"])
    yield stacked(source, "unembedding.weight", ["unembedding"])


def _config(source: Source) -> dict[str, Any]:
    config = source.config
    scaling = config.get("rope_scaling") or {}
    check_fixed(config, "openai", {"rms_norm_eps": 1e-5})
    return {
        **{key: config[key] for key in SAME},
        **{theirs: config[ours] for theirs, ours in RENAMED.items()},
        "initial_context_length": scaling.get("original_max_position_embeddings", 4096),
        "rope_scaling_factor": scaling.get("factor", 1.0),
        "rope_ntk_alpha": scaling.get("beta_slow", 1.0),
        "rope_ntk_beta": scaling.get("beta_fast", 32.0),
    }
