"""Writes the layout of openai/gpt-oss-20b and -120b on Hugging Face.

Knows that layout's names and what lies beside the weights. Source: the released repositories'
config.json and model.safetensors.index.json, and transformers' ``GptOssForCausalLM``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ossia.checkpoint.destination import check_free, new_folder
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
from ossia.checkpoint.stored import Group, Progress, Written, silent
from ossia.checkpoint.vocabulary import special_ids, tokenizer_json
from ossia.checkpoint.write_safetensors import write_json, write_safetensors

NAMES = {
    "attention.norm": "input_layernorm.weight",
    "attention.q": "self_attn.q_proj.weight",
    "attention.q_bias": "self_attn.q_proj.bias",
    "attention.k": "self_attn.k_proj.weight",
    "attention.k_bias": "self_attn.k_proj.bias",
    "attention.v": "self_attn.v_proj.weight",
    "attention.v_bias": "self_attn.v_proj.bias",
    "attention.out": "self_attn.o_proj.weight",
    "attention.out_bias": "self_attn.o_proj.bias",
    "attention.sinks": "self_attn.sinks",
    "experts.norm": "post_attention_layernorm.weight",
    "experts.router": "mlp.router.weight",
    "experts.router_bias": "mlp.router.bias",
}
"""A layer's tensors that are stored as they are; experts are fused."""

DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
"""Plain encodings as config.json calls them."""

_COPIED = ("tokenizer_config.json", "special_tokens_map.json", "generation_config.json")


def write_hf(source: Source, destination: Path, *, progress: Progress = silent) -> Written:
    """Write a checkpoint as a folder for transformers and for ossia, in bounded memory.

    Numbers stay as they are, but for Q8_0, which this layout lacks (see ``Written.notes``).

    Args:
        source: any checkpoint.
        destination: does not exist, or is an empty folder.
        progress: told bytes of tensors written and bytes in all.

    Raises:
        InputError: the destination exists or cannot be written.
        ResourceError: the disk is or becomes full.
    """
    check_free(destination, is_folder=True)
    groups = list(_groups(source))
    vocabulary = tokenizer_json(source.tokenizer)
    nbytes = sum(tensor.nbytes for group in groups for tensor in group.tensors)
    with new_folder(destination, nbytes + len(vocabulary or b"")) as folder:
        files = write_safetensors(folder, groups, progress)
        special = special_ids(source.tokenizer)
        dtype = DTYPES[groups[0].tensors[0].dtype]
        write_json(folder / "config.json", _config(source, special) | {"dtype": dtype})
        if vocabulary is not None:
            _write_vocabulary(source, folder, vocabulary, special)
    return Written(
        destination,
        tuple(destination / file.name for file in files),
        nbytes,
        rounding_notes(source),
    )


def _groups(source: Source) -> Iterator[Group]:
    yield stacked(source, "model.embed_tokens.weight", ["embedding"])
    is_mxfp4 = has_mxfp4_experts(source)
    for layer in range(source.config["num_hidden_layers"]):
        ours, theirs = f"layers.{layer}.", f"model.layers.{layer}."
        for name, stored in NAMES.items():
            yield stacked(source, theirs + stored, [ours + name])
        for kinds, fused in ((GATE_UP, "gate_up_proj"), (DOWN, "down_proj")):
            parts = [f"{ours}experts.{kind}" for kind in kinds]
            name = f"{theirs}mlp.experts.{fused}"
            if is_mxfp4:
                yield mxfp4_experts(source, name, parts, "_{}")
            else:
                yield plain_experts(source, name, parts, is_transposed=True)
            yield biases(source, f"{name}_bias", [f"{part}_bias" for part in parts])
    yield stacked(source, "model.norm.weight", ["norm"])
    yield stacked(source, "lm_head.weight", ["unembedding"])


def _config(source: Source, special: Mapping[str, int]) -> dict[str, Any]:
    """config.json with the keys that the released one has."""
    config = dict(source.config)
    config |= {
        "architectures": ["GptOssForCausalLM"],
        "attention_bias": True,
        "attention_dropout": 0.0,
        "eos_token_id": config.get("eos_token_id", special.get("<|return|>")),
        "experts_per_token": config["num_experts_per_tok"],
        "hidden_act": "silu",
        "initial_context_length": _original_context(config),
        "pad_token_id": config.get("pad_token_id", special.get("<|endoftext|>")),
        "tie_word_embeddings": False,
        "use_cache": True,
    }
    for stale in ("quantization_config", "torch_dtype"):
        config.pop(stale, None)
    if has_mxfp4_experts(source):
        config["quantization_config"] = {
            "modules_to_not_convert": [
                "model.layers.*.self_attn",
                "model.layers.*.mlp.router",
                "model.embed_tokens",
                "lm_head",
            ],
            "quant_method": "mxfp4",
        }
    return {key: _shortest(value) for key, value in sorted(config.items()) if value is not None}


def _shortest(value: Any) -> Any:
    """Numbers as a person writes them, also when they come out of GGUF's float32."""
    if isinstance(value, dict):
        return {key: _shortest(each) for key, each in sorted(value.items())}
    if not isinstance(value, float):
        return value
    return int(value) if value.is_integer() and value >= 1000 else float(f"{value:.7g}")


def _original_context(config: Mapping[str, Any]) -> int:
    scaling = config.get("rope_scaling") or {}
    return int(scaling.get("original_max_position_embeddings", config["max_position_embeddings"]))


def _write_vocabulary(
    source: Source, folder: Path, vocabulary: bytes, special: Mapping[str, int]
) -> None:
    """tokenizer.json and the small files beside it, copied where the source has them."""
    (folder / "tokenizer.json").write_bytes(vocabulary)
    if source.tokenizer.chat_template is not None:
        template = folder / "chat_template.jinja"
        template.write_bytes(source.tokenizer.chat_template.encode())
    write_json(folder / "tokenizer_config.json", _tokenizer_config(source, special))
    write_json(folder / "generation_config.json", _generation_config(special))
    if source.tokenizer.json is not None:
        for name in _COPIED:
            if (original := source.tokenizer.json.with_name(name)).is_file():
                (folder / name).write_bytes(original.read_bytes())


def _tokenizer_config(source: Source, ids: Mapping[str, int]) -> dict[str, Any]:
    roles = {"bos": "<|startoftext|>", "eos": "<|return|>", "pad": "<|endoftext|>"}
    return {
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": source.config["max_position_embeddings"],
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{f"{role}_token": name for role, name in roles.items() if name in ids},
    }


def _generation_config(ids: Mapping[str, int]) -> dict[str, Any]:
    """Which tokens end an answer: a returned one, an ended text, a call of a tool."""
    stops = [ids[name] for name in ("<|return|>", "<|endoftext|>", "<|call|>") if name in ids]
    config: dict[str, Any] = {"do_sample": True, "eos_token_id": stops}
    for key, name in (("bos_token_id", "<|startoftext|>"), ("pad_token_id", "<|endoftext|>")):
        if name in ids:
            config[key] = ids[name]
    return dict(sorted(config.items()))
