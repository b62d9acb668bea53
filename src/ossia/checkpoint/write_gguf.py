"""Writes GGUF version 3 of architecture ``gpt-oss``, for ossia and every program on ggml.

Knows the file format, the names and the metadata. Source: ggml's GGUF specification
(``docs/gguf.md``) and, for what gpt-oss needs, the ``gguf`` package's constants.
"""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ossia.base.errors import InputError
from ossia.checkpoint.destination import check_free, new_file
from ossia.checkpoint.fixed import check_fixed
from ossia.checkpoint.source import Source
from ossia.checkpoint.stored import (
    Group,
    Pieces,
    Progress,
    StoredTensor,
    Tally,
    Written,
    silent,
    write_file,
)
from ossia.checkpoint.streams import PLAIN, chunks, ggml_blocks, plain_chunks
from ossia.checkpoint.vocabulary import gguf_keys
from ossia.numerics.arrays import BLOCK_SIZE

ALIGNMENT = 32
ARCHITECTURE = "gpt-oss"
TYPES = {"F32": 0, "F16": 1, "Q8_0": 8, "BF16": 30, "MXFP4": 39}
"""Encodings by ggml's numbers."""

_BLOCK_BYTES = {"Q8_0": 34, "MXFP4": 17}
_FILE_TYPES = {"F32": 0, "F16": 1, "Q8_0": 7, "BF16": 32, "MXFP4": 38}

NAMES = {
    "embedding": "token_embd.weight",
    "norm": "output_norm.weight",
    "unembedding": "output.weight",
    "attention.norm": "attn_norm.weight",
    "attention.q": "attn_q.weight",
    "attention.q_bias": "attn_q.bias",
    "attention.k": "attn_k.weight",
    "attention.k_bias": "attn_k.bias",
    "attention.v": "attn_v.weight",
    "attention.v_bias": "attn_v.bias",
    "attention.out": "attn_output.weight",
    "attention.out_bias": "attn_output.bias",
    "attention.sinks": "attn_sinks.weight",
    "experts.norm": "post_attention_norm.weight",
    "experts.router": "ffn_gate_inp.weight",
    "experts.router_bias": "ffn_gate_inp.bias",
    "experts.gate": "ffn_gate_exps.weight",
    "experts.gate_bias": "ffn_gate_exps.bias",
    "experts.up": "ffn_up_exps.weight",
    "experts.up_bias": "ffn_up_exps.bias",
    "experts.down": "ffn_down_exps.weight",
    "experts.down_bias": "ffn_down_exps.bias",
}
"""Ours to GGUF's, without the layer."""


def write_gguf(source: Source, destination: Path, *, progress: Progress = silent) -> Written:
    """Write a checkpoint as one GGUF file, in bounded memory; no number changes.

    Matrices keep their encoding; norms, biases, sinks and routers become F32, as ggml has them.

    Args:
        source: any checkpoint.
        destination: a file that does not exist.
        progress: told bytes of tensors written and bytes in all.

    Raises:
        InputError: the destination exists or cannot be written, or GGUF cannot say what the
            model's configuration says.
        ResourceError: the disk is or becomes full.
    """
    check_free(destination, is_folder=False)
    groups = [_group(source, name) for name in source.tensors]
    head = _header(_metadata(source), [group.tensors[0] for group in groups])
    tally = Tally(groups, progress)
    with new_file(destination, tally.total + len(head) + ALIGNMENT * len(groups)) as file:
        write_file(file, head, groups, tally, ALIGNMENT)
    return Written(destination, (destination,), tally.total)


def _group(source: Source, name: str) -> Group:
    info = source.tensors[name]
    encoding = _encoding(name, info.encoding)
    values = math.prod(info.shape)

    def plain() -> Pieces:
        for chunk in plain_chunks(source, name, encoding):
            yield 0, chunk

    def blocks() -> Pieces:
        for chunk in chunks(source, name):
            yield 0, ggml_blocks(chunk)

    if encoding in PLAIN:
        nbytes, pieces = values * PLAIN[encoding].itemsize, plain
    else:
        nbytes, pieces = values // BLOCK_SIZE * _BLOCK_BYTES[encoding], blocks
    return Group((StoredTensor(gguf_name(name), encoding, info.shape, nbytes),), pieces)


def gguf_name(name: str) -> str:
    """A canonical name as GGUF spells it."""
    match name.split(".", 2):
        case ["layers", layer, kind]:
            return f"blk.{layer}.{NAMES[kind]}"
        case _:
            return NAMES[name]


def _encoding(name: str, encoding: str) -> str:
    """Matrices stay as they are; ggml computes with all else in float32."""
    kind = name.rsplit(".", 1)[-1]
    is_small = kind in ("norm", "sinks", "router") or kind.endswith("_bias")
    return "F32" if is_small else encoding


def _metadata(source: Source) -> dict[str, Any]:
    """Every key, in the file's order; counts are uint32 and measures float32."""
    config = source.config
    check_fixed(config, "gguf", {"swiglu_limit": 7.0})
    if config["sliding_window"] is None:
        raise InputError("GGUF has no gpt-oss without a sliding window; write the layout hf")
    scaling = config.get("rope_scaling") or {}
    experts = source.tensors["layers.0.experts.gate"].encoding
    vocabulary = gguf_keys(source.tokenizer, config["vocab_size"])
    shape = {
        "block_count": config["num_hidden_layers"],
        "vocab_size": config["vocab_size"],
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "feed_forward_length": config["intermediate_size"],
        "expert_feed_forward_length": config["intermediate_size"],
        "expert_count": config["num_local_experts"],
        "expert_used_count": config["num_experts_per_tok"],
        "attention.head_count": config["num_attention_heads"],
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.key_length": config["head_dim"],
        "attention.value_length": config["head_dim"],
        "attention.sliding_window": config["sliding_window"],
        "attention.layer_norm_rms_epsilon": float(config["rms_norm_eps"]),
        "rope.freq_base": float(config["rope_theta"]),
        "rope.scaling.type": scaling.get("rope_type", "none"),
    }
    if scaling:
        shape |= {
            "rope.scaling.factor": float(scaling["factor"]),
            "rope.scaling.original_context_length": scaling["original_max_position_embeddings"],
            "rope.scaling.yarn_beta_fast": float(scaling.get("beta_fast", 32.0)),
            "rope.scaling.yarn_beta_slow": float(scaling.get("beta_slow", 1.0)),
        }
    return {
        "general.architecture": ARCHITECTURE,
        "general.type": "model",
        "general.alignment": ALIGNMENT,
        "general.file_type": _FILE_TYPES[experts],
        "general.quantization_version": 2,
        **{f"{ARCHITECTURE}.{key}": value for key, value in shape.items()},
        **vocabulary,
        **_special_ids(config, vocabulary),
    }


def _special_ids(config: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> dict[str, int]:
    """Ids that config.json names, unless the vocabulary names its own."""
    ids = {}
    for key, name in (("eos", "eos"), ("padding", "pad"), ("bos", "bos")):
        stored = f"tokenizer.ggml.{key}_token_id"
        found = config.get(f"{name}_token_id")
        first = found[0] if isinstance(found, list) and found else found
        if isinstance(first, int) and first >= 0 and stored not in vocabulary:
            ids[stored] = first
    return ids


def _header(metadata: Mapping[str, Any], tensors: Sequence[StoredTensor]) -> bytes:
    """Everything before the tensors, padded to the alignment."""
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    parts += [_string(key) + _typed(value) for key, value in metadata.items()]
    parts += _directory(tensors)
    size = sum(map(len, parts))
    return b"".join([*parts, b"\0" * (-size % ALIGNMENT)])


def _directory(tensors: Sequence[StoredTensor]) -> Iterator[bytes]:
    """A tensor's name, axes (the fastest first), type and offset behind the header."""
    offset = 0
    for tensor in tensors:
        axes = tensor.shape[::-1]
        yield _string(tensor.name) + struct.pack(
            f"<I{len(axes)}QIQ", len(axes), *axes, TYPES[tensor.dtype], offset
        )
        offset += tensor.nbytes + -tensor.nbytes % ALIGNMENT


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _typed(value: Any) -> bytes:
    """A metadata value with its type before it."""
    if isinstance(value, list):
        number, items = _array(value)
        return struct.pack("<IIQ", 9, number, len(value)) + items
    number, data = _scalar(value)
    return struct.pack("<I", number) + data


def _scalar(value: Any) -> tuple[int, bytes]:
    match value:
        case bool():
            return 7, struct.pack("<?", value)
        case int() if value >= 0:
            return 4, struct.pack("<I", value)
        case int():
            return 5, struct.pack("<i", value)
        case float():
            return 6, struct.pack("<f", value)
        case str():
            return 8, _string(value)
        case _:
            raise InputError(f"GGUF metadata cannot hold {value!r:.60}")


def _array(values: list[Any]) -> tuple[int, bytes]:
    """Items of one type: strings, integers (int32, as vocabularies have them) or floats."""
    if all(isinstance(value, str) for value in values):
        return 8, b"".join(map(_string, values))
    if all(isinstance(value, int) for value in values):
        return 5, struct.pack(f"<{len(values)}i", *values)
    return 6, struct.pack(f"<{len(values)}f", *values)
