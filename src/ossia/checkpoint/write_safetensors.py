"""safetensors files: a header in JSON, then the tensors back to back.

Source: the format section of huggingface/safetensors' README. Knows how tensors are dealt to
several files and indexed, as Hugging Face's releases have it; does not know what they mean.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ossia.checkpoint.stored import Group, Progress, Tally, write_file

SHARD_BYTES = 5_000_000_000
"""Tensors of one file; a larger one stands alone."""


def write_safetensors(folder: Path, groups: Sequence[Group], progress: Progress) -> list[Path]:
    """Write ``model.safetensors``, or ``model-00001-of-0000N.safetensors`` and so on with an index.

    Args:
        folder: exists.
        groups: in the order to write them; their dtypes are safetensors' (BF16, F32, U8...).
        progress: told bytes written and bytes in all.

    Raises:
        OSError: the disk is full, or a file cannot be written.
    """
    shards = _deal(groups)
    names = ["model.safetensors"]
    if len(shards) > 1:
        names = [
            f"model-{number:05}-of-{len(shards):05}.safetensors"
            for number in range(1, len(shards) + 1)
        ]
    tally = Tally(groups, progress)
    for name, shard in zip(names, shards, strict=True):
        write_file(folder / name, header(shard), shard, tally)
    if len(shards) > 1:
        weight_map = {
            tensor.name: name
            for name, shard in zip(names, shards, strict=True)
            for group in shard
            for tensor in group.tensors
        }
        write_json(
            folder / "model.safetensors.index.json",
            {
                "metadata": {"total_size": tally.total},
                "weight_map": dict(sorted(weight_map.items())),
            },
        )
    return [folder / name for name in names]


def write_json(path: Path, document: Any) -> None:
    """A JSON file as Hugging Face's libraries write them."""
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


def _deal(groups: Sequence[Group]) -> list[list[Group]]:
    """Groups to files, in order; at least one file."""
    shards: list[list[Group]] = [[]]
    filled = 0
    for group in groups:
        nbytes = sum(tensor.nbytes for tensor in group.tensors)
        if shards[-1] and filled + nbytes > SHARD_BYTES:
            shards.append([])
            filled = 0
        shards[-1].append(group)
        filled += nbytes
    return shards


def header(
    groups: Sequence[Group], metadata: Mapping[str, str] | None = None, alignment: int = 8
) -> bytes:
    """A file's head: the length in eight bytes and the JSON, padded to the alignment."""
    entries: dict[str, Any] = {"__metadata__": metadata or {"format": "pt"}}
    end = 0
    for group in groups:
        for tensor in group.tensors:
            start, end = end, end + tensor.nbytes
            entries[tensor.name] = {
                "dtype": tensor.dtype,
                "shape": list(tensor.shape),
                "data_offsets": [start, end],
            }
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % alignment)
    return len(text).to_bytes(8, "little") + text
