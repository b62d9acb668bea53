"""Reads GGUF of architecture ``gpt-oss``, as one file or split.

Knows the names and keys of that architecture (source: llama.cpp and the ``gguf`` package's
constants); how a file's front is laid out is ``gguf_header``'s.
"""

import re
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ossia.base.errors import CheckpointError
from ossia.checkpoint.beside import vocabulary_beside
from ossia.checkpoint.configuration import complete
from ossia.checkpoint.directory import BYTES, Directory
from ossia.checkpoint.expected import tensor_shapes
from ossia.checkpoint.gguf_header import Header, Metadata, read_gguf_header
from ossia.checkpoint.mapped import MappedFile
from ossia.checkpoint.mapped_source import MappedCheckpoint
from ossia.checkpoint.source import Layout, TokenizerFiles
from ossia.checkpoint.streams import PLAIN
from ossia.checkpoint.vocabulary import CHAT_TEMPLATE
from ossia.checkpoint.write_gguf import ARCHITECTURE, gguf_name

SPLIT = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")

_COUNTS = {
    "num_hidden_layers": "block_count",
    "hidden_size": "embedding_length",
    "intermediate_size": "expert_feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "num_local_experts": "expert_count",
    "num_experts_per_tok": "expert_used_count",
    "vocab_size": "vocab_size",
    "sliding_window": "attention.sliding_window",
    "max_position_embeddings": "context_length",
}
_MEASURES = {"rms_norm_eps": "attention.layer_norm_rms_epsilon", "rope_theta": "rope.freq_base"}
_YARN = {
    "factor": "factor",
    "original_max_position_embeddings": "original_context_length",
    "beta_fast": "yarn_beta_fast",
    "beta_slow": "yarn_beta_slow",
}
_SPECIAL = {"eos": "eos", "pad": "padding"}


def read_gguf(path: Path, file: Path) -> MappedCheckpoint:
    """A checkpoint in GGUF; of a split one, any part.

    Args:
        path: that the user gave.
        file: a GGUF file.

    Raises:
        CheckpointError: the file is damaged, of another architecture, or lacks a part.
    """
    headers = _open_parts(file)
    first = headers[0]
    _check_architecture(first)
    directory = Directory(str(file), chain.from_iterable(header.tensors for header in headers))
    config = gguf_config(first.metadata, directory, str(first.file.path))
    arrays = {
        name: directory.take(gguf_name(name), shape, _encodings(name))
        for name, shape in tensor_shapes(config)
    }
    directory.check_all_taken()
    files = tuple(header.file for header in headers)
    return MappedCheckpoint(path, Layout.GGUF, config, _vocabulary(first), arrays, files)


def part_names(name: str) -> list[str]:
    """Names of all parts of the split that a file's name says it is of; else the name alone."""
    match = SPLIT.fullmatch(name)
    if not match:
        return [name]
    stem, number, count = match[1], int(match[2]), int(match[3])
    if not 1 <= number <= count:
        return [name]
    return [f"{stem}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]


def _open_parts(path: Path) -> list[Header]:
    """The file's front, or those of all parts of a split."""
    header = read_gguf_header(MappedFile(path))
    count = header.metadata.get("split.count", 1)
    if count in (0, 1):
        return [header]
    names = part_names(path.name)
    if len(names) != count:
        raise CheckpointError(
            f"{path}: is a part of a model split in {count!r:.40}; it must keep its name, "
            "NAME-00001-of-00003.gguf or the like, to find the others"
        )
    headers: list[Header] = []
    for number, name in enumerate(names):
        part = path.with_name(name)
        if not part.exists():
            raise CheckpointError(
                f"{path}: lacks its neighbour {name}: the model is split in {count} files; "
                "download that one too"
            )
        headers.append(header if name == path.name else read_gguf_header(MappedFile(part)))
        told = (headers[-1].metadata.get("split.no"), headers[-1].metadata.get("split.count"))
        if told != (number, count):
            raise CheckpointError(f"{part}: says it is part {told[0]} of {told[1]}; download again")
    _check_total(path, headers)
    return headers


def _check_total(path: Path, headers: list[Header]) -> None:
    expected = headers[0].metadata.get("split.tensors.count")
    found = sum(len(header.tensors) for header in headers)
    if expected is not None and expected != found:
        raise CheckpointError(
            f"{path}: its parts hold {found} tensors, but say {expected!r:.40}; download them again"
        )


def _check_architecture(header: Header) -> None:
    found = header.metadata.get("general.architecture")
    if found != ARCHITECTURE:
        raise CheckpointError(
            f"{header.file.path}: a GGUF of architecture {found!r:.40}, not {ARCHITECTURE}; ossia "
            "runs gpt-oss models"
        )


def _encodings(name: str) -> tuple[str, ...]:
    """Matrices may come in blocks; what is added or scales is plain numbers."""
    kind = name.rsplit(".", 1)[-1]
    is_small = kind in ("norm", "sinks") or kind.endswith("_bias")
    return tuple(PLAIN) if is_small else (*PLAIN, *BYTES)


def gguf_config(metadata: Metadata, directory: Directory, origin: str) -> dict[str, Any]:
    """The metadata in the vocabulary of Hugging Face's config.json, checked.

    Keys that files of other tools may lack are read off the tensors.

    Raises:
        CheckpointError: a size is missing or absurd.
    """
    keys = metadata.under(f"{ARCHITECTURE}.")
    config: dict[str, Any] = {"model_type": "gpt_oss"}
    for ours, theirs in _COUNTS.items():
        if (key := f"{ARCHITECTURE}.{theirs}") in keys:
            config[ours] = keys[key]
    if "intermediate_size" not in config:
        config["intermediate_size"] = keys.get(f"{ARCHITECTURE}.feed_forward_length")
    if "vocab_size" not in config:
        config["vocab_size"] = directory.find(gguf_name("embedding")).shape[0]
    heads = config.get("num_attention_heads")
    if "head_dim" not in config and isinstance(heads, int) and heads > 0:
        config["head_dim"] = directory.find(gguf_name("layers.0.attention.q")).shape[0] // heads
    for ours, theirs in _MEASURES.items():
        if (key := f"{ARCHITECTURE}.{theirs}") in keys:
            config[ours] = _shortest(keys[key])
    config["rope_scaling"] = _rope_scaling(keys, origin)
    for ours, theirs in _SPECIAL.items():
        if isinstance(found := metadata.get(f"tokenizer.ggml.{theirs}_token_id"), int):
            config[f"{ours}_token_id"] = found
    return complete(config, origin)


def _rope_scaling(keys: Mapping[str, Any], origin: str) -> dict[str, Any] | None:
    prefix = f"{ARCHITECTURE}.rope.scaling."
    kind = keys.get(prefix + "type", "none")
    if kind == "none":
        return None
    if kind != "yarn":
        raise CheckpointError(
            f"{origin}: the rotary embedding is scaled by {kind!r:.40}; ossia knows yarn and none"
        )
    scaling = {
        ours: _shortest(keys[prefix + theirs])
        for ours, theirs in _YARN.items()
        if prefix + theirs in keys
    }
    return {"rope_type": "yarn", "truncate": False} | scaling


def _shortest(value: Any) -> Any:
    """A float32 as a person wrote it: 1e-05, not 9.999999747378752e-06."""
    if isinstance(value, float) and abs(value) < float(np.finfo(np.float32).max):
        return float(str(np.float32(value)))
    return value


def _vocabulary(header: Header) -> TokenizerFiles:
    """The file's own vocabulary, or one that lies beside it."""
    metadata = header.metadata.under("tokenizer.")
    if "tokenizer.ggml.tokens" not in metadata:
        return vocabulary_beside(header.file.path.parent)
    template = metadata.get(CHAT_TEMPLATE)
    return TokenizerFiles(
        gguf=metadata, chat_template=template if isinstance(template, str) else None
    )
