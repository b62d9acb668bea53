"""safetensors files: what their headers say, checked against the files' own sizes.

Source: the format section of huggingface/safetensors' README: eight bytes of length, a header in
JSON, then tensors without holes between them. Knows shards and their index; not what tensors mean.
"""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ossia.base.errors import CheckpointError
from ossia.checkpoint.directory import Directory, FoundTensor
from ossia.checkpoint.mapped import MappedFile
from ossia.checkpoint.strict_json import parse_object, read_object

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"

_MAX_HEADER = 8 << 20  # gpt-oss-120b's has 100 KB; JSON takes up to 30 times its size as objects
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.safetensors")
_ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1,
    "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4,
    "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
"""Every type of the format that has whole bytes; which ones a gpt-oss has is not known here."""


def open_weights(folder: Path, name: str | None = None) -> tuple[Directory, tuple[MappedFile, ...]]:
    """Map a model's weights: one file, or shards with or without an index.

    Args:
        folder: where they lie.
        name: of one file of the model, or of its index; None is whatever the folder holds.

    Raises:
        CheckpointError: there are none, one is missing, or one is damaged.
    """
    if name is None:
        name = next((usual for usual in (SINGLE, INDEX) if (folder / usual).exists()), None)
    if name == INDEX or (name != SINGLE and name in _weight_map(folder).values()):
        return _open_indexed(folder)
    if name is None or _SHARD.fullmatch(name):
        return _open_files(folder, _shards(folder))
    return _open_files(folder / name, [folder / name])


def _open_files(where: Path, paths: Sequence[Path]) -> tuple[Directory, tuple[MappedFile, ...]]:
    files = tuple(MappedFile(path) for path in paths)
    return Directory(str(where), chain.from_iterable(map(read_header, files))), files


def has_weights(folder: Path) -> bool:
    """Whether a folder holds safetensors that ``open_weights`` would try."""
    names = (path.name for path in folder.iterdir())
    return any(name in (SINGLE, INDEX) or _SHARD.fullmatch(name) for name in names)


def _weight_map(folder: Path) -> dict[str, str]:
    """The index's map from tensor to file name; empty when there is no index."""
    path = folder / INDEX
    if not path.exists():
        return {}
    weight_map = read_object(path, _MAX_HEADER).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{path}: has no weight_map; download it again")
    for name in weight_map.values():
        if (
            not isinstance(name, str)
            or not name
            or Path(name).name != name
            or name == ".."
            or "\0" in name
        ):
            raise CheckpointError(
                f"{path}: names the file {name!r:.80}; expected names of files beside it"
            )
    return weight_map


def _open_indexed(folder: Path) -> tuple[Directory, tuple[MappedFile, ...]]:
    weight_map = _weight_map(folder)
    paths = [folder / name for name in sorted(set(weight_map.values()))]
    for path in paths:
        if not path.exists():
            raise CheckpointError(
                f"{folder}: lacks {path.name!r:.80}, which {INDEX} names; download that file"
            )
    directory, files = _open_files(folder, paths)
    for name, file_name in weight_map.items():
        if name not in directory or directory.find(name).file.path.name != file_name:
            raise CheckpointError(
                f"{folder / file_name}: lacks the tensor {name!r:.80}, which {INDEX} puts there; "
                "download both again"
            )
    return directory, files


def _shards(folder: Path) -> list[Path]:
    """Shards by their names, without an index; all of one set."""
    found = {
        path: match for path in sorted(folder.iterdir()) if (match := _SHARD.fullmatch(path.name))
    }
    sets = {(match[1], match[3]) for match in found.values()}
    if not sets:
        raise CheckpointError(
            f"{folder}: has a config.json but no weights; expected {SINGLE}, or {INDEX} and its "
            "shards"
        )
    if len(sets) > 1:
        raise CheckpointError(f"{folder}: holds shards of {len(sets)} models; remove all but one")
    ((stem, count),) = sets
    numbers = {int(match[2]) for match in found.values()}
    missing = next((n for n in range(1, int(count) + 1) if n not in numbers), None)
    if missing is not None or len(numbers) != int(count):
        name = f"{stem}-{missing or 1:05}-of-{count}.safetensors"
        raise CheckpointError(f"{folder}: lacks {name!r:.80}; download that file")
    return list(found)


def read_header(file: MappedFile) -> list[FoundTensor]:
    """The tensors of a file, in its order.

    Raises:
        CheckpointError: the header is not as the format has it, or the file is cut off.
    """
    entries, data_start = _entries(file)
    entries.pop("__metadata__", None)
    found = [
        (*_offsets(file, name, entry), _tensor(file, name, entry, data_start))
        for name, entry in entries.items()
    ]
    _check_no_holes(file, [(start, end, t.name) for start, end, t in found], data_start)
    return [tensor for _, _, tensor in found]


def read_metadata(file: MappedFile) -> Mapping[str, Any]:
    """What a file's header says about the file itself.

    Raises:
        CheckpointError: see ``read_header``.
    """
    metadata = _entries(file)[0].get("__metadata__")
    return metadata if isinstance(metadata, Mapping) else {}


def _entries(file: MappedFile) -> tuple[dict[str, Any], int]:
    """The header as it stands, and where the tensors' bytes begin."""
    if file.size < 8:
        raise _cut_off(file, f"{file.size} bytes are no safetensors file")
    length = int.from_bytes(file.data[:8], "little")
    if length > _MAX_HEADER:
        raise CheckpointError(
            f"{file.path}: no safetensors file of a gpt-oss: its header would have {length:,} "
            f"bytes; at most {_MAX_HEADER:,} are read"
        )
    if 8 + length > file.size:
        raise _cut_off(file, f"its header has {length:,} bytes, the file {file.size:,}")
    return parse_object(file.data[8 : 8 + length], f"{file.path}: header"), 8 + length


def _offsets(file: MappedFile, name: str, entry: Any) -> tuple[int, int]:
    """Where a tensor's bytes lie behind the header."""
    offsets = entry.get("data_offsets") if isinstance(entry, Mapping) else None
    match offsets:
        case [int(start), int(end)] if _are_counts(offsets) and start <= end:
            return start, end
        case _:
            raise _damaged(file, name, "has no usable data_offsets")


def _tensor(file: MappedFile, name: str, entry: Any, data_start: int) -> FoundTensor:
    dtype, shape = entry.get("dtype"), entry.get("shape")
    start, end = entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _ITEM_BYTES:
        raise _damaged(file, name, f"has the unknown dtype {dtype!r:.40}")
    if not _are_counts(shape) or len(shape) > 8:
        raise _damaged(file, name, f"has the shape {shape!r:.60}")
    nbytes = math.prod(shape) * _ITEM_BYTES[dtype]
    if nbytes != end - start:
        raise _damaged(
            file, name, f"takes {nbytes:,} bytes by its shape but has {end - start:,} in the file"
        )
    return FoundTensor(name, dtype, tuple(shape), file, data_start + start)


def _check_no_holes(file: MappedFile, places: list[tuple[int, int, str]], data_start: int) -> None:
    """Tensors follow each other without hole or overlap, up to the end of the file."""
    place = 0
    for start, end, name in sorted(places):
        if start != place:
            kind = "overlaps another one" if start < place else "leaves a hole before it"
            raise _damaged(file, name, kind)
        place = end
    if data_start + place > file.size:
        raise _cut_off(file, f"{file.size:,} of {data_start + place:,} bytes are there")
    if data_start + place < file.size:
        raise CheckpointError(
            f"{file.path}: has {file.size - data_start - place:,} bytes after its last tensor; "
            "download it again"
        )


def _are_counts(found: Any) -> bool:
    return isinstance(found, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 1 << 63
        for item in found
    )


def _damaged(file: MappedFile, name: str, what: str) -> CheckpointError:
    return CheckpointError(f"{file.path}: the tensor {name!r:.80} {what}; download it again")


def _cut_off(file: MappedFile, what: str) -> CheckpointError:
    return CheckpointError(f"{file.path}: truncated ({what}); download it again")
