"""Weights in a backend's own layout, kept in a file that is made once and mapped from then on.

The file is safetensors; its metadata name the layout and the checkpoint that it was made from. It
lies in a folder ``.ossia`` beside the checkpoint, one for a checkpoint and layout, or in
``OSSIA_HOME/packed`` where that folder cannot be written. Knows names, bytes and tiles; what a
layout is good for is its backend's knowledge.
"""

import fcntl
import hashlib
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ossia.base import settings
from ossia.base.errors import CheckpointError, InputError, OssiaError, ResourceError
from ossia.base.memory import fits_memory
from ossia.checkpoint.destination import new_file
from ossia.checkpoint.directory import FoundTensor
from ossia.checkpoint.mapped import MappedFile
from ossia.checkpoint.read_safetensors import read_header, read_metadata
from ossia.checkpoint.source import Source
from ossia.checkpoint.stored import Group, Progress, StoredTensor, Tally, write_file
from ossia.checkpoint.write_safetensors import header
from ossia.numerics.arrays import TiledArray
from ossia.numerics.tiles import put_together, take_apart, tiles_shape

_SAMPLES, _SAMPLE_BYTES = 16, 4096
_PAGE = 4096
_ORIGIN, _LAYOUT = "ossia_origin", "ossia_layout"
# The logical shape stands in the name: tiles are filled up, so theirs does not tell it.
_NAME = re.compile(r"(.+):([0-9]{1,9})x([0-9]{1,9})")


@dataclass(frozen=True)
class Packed:
    """Tensors to be kept, whose row tiles take turns where they are several.

    Attributes:
        names: canonical, such as ``layers.0.attention.q``.
        shape: of each, [rows, columns] or [experts, rows, columns].
        is_mxfp4: whether tiles hold MXFP4, else 8-bit values.
        make: their tiles, for experts' one expert after the other.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    is_mxfp4: bool
    make: Callable[[], Iterator[tuple[TiledArray, ...]]]


def open_packed(source: Source, layout: str) -> tuple[Path, Mapping[str, TiledArray]] | None:
    """The packed form of a checkpoint by canonical name, mapped; None if there is none to use."""
    if not source.files:
        return None
    origin = fingerprint(source)
    for path in _places(source, layout, origin):
        try:
            if path.is_file() and (arrays := _read(path, layout, origin)):
                return path, arrays
        except (CheckpointError, OSError):
            continue  # damaged, or of another time: it is written anew
    return None


def packed_files(source: Source) -> list[Path]:
    """The files that hold a packed form of a checkpoint, of any layout."""
    if not source.files:
        return []
    origin = fingerprint(source)
    found = []
    for place in _places(source, "*", origin):
        head, _, tail = place.name.rpartition("*")
        if place.parent.is_dir():
            names = sorted(path.name for path in place.parent.iterdir())
            found += [place.parent / n for n in names if n.startswith(head) and n.endswith(tail)]
    return [path for path in found if _is_of(path, origin)]


def write_packed(
    source: Source, layout: str, tensors: Sequence[Packed], progress: Progress
) -> Path:
    """Make the packed form. An older one of the same checkpoint and layout is replaced.

    Raises:
        InputError: no place can be written, or the weights come from no files.
        ResourceError: no place has the room.
    """
    if not source.files:
        raise InputError(f"{source.path} has no files that packed weights could lie beside")
    origin = fingerprint(source)
    groups = [_group(tensor) for tensor in tensors]
    nbytes = sum(tensor.nbytes for group in groups for tensor in group.tensors)
    refusal: OssiaError | None = None
    for path in _places(source, layout, origin):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _turn(path.parent):
                if not (path.is_file() and _has_all(path, layout, origin, groups)):
                    _make_room(path, nbytes)
                    with new_file(path, nbytes) as partial:
                        head = header(groups, {_ORIGIN: origin, _LAYOUT: layout}, _PAGE)
                        write_file(partial, head, groups, Tally(groups, progress))
            return path
        except OssiaError as error:
            refusal = refusal or error
        except OSError as error:
            refusal = refusal or ResourceError(f"cannot write {path}: {error.strerror}")
    assert refusal is not None
    raise refusal


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One process at a time: who comes second waits, and finds what the first one made."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _has_all(path: Path, layout: str, origin: str, groups: Sequence[Group]) -> bool:
    """Whether the packed file of this checkpoint and layout is there, and whole."""
    try:
        file = MappedFile(path)
        metadata, found = read_metadata(file), {tensor.name for tensor in read_header(file)}
    except CheckpointError:
        return False
    is_ours = (metadata.get(_ORIGIN), metadata.get(_LAYOUT)) == (origin, layout)
    return is_ours and found == {tensor.name for group in groups for tensor in group.tensors}


def _is_of(path: Path, origin: str) -> bool:
    try:
        return read_metadata(MappedFile(path)).get(_ORIGIN) == origin
    except (CheckpointError, OSError):
        return False


def _make_room(path: Path, nbytes: int) -> None:
    """Remove what the checkpoint had here, of any layout."""
    stem = path.name.removesuffix(".safetensors").rpartition(".")[0]
    for outdated in path.parent.iterdir():
        if outdated.name.startswith(f"{stem}.") and outdated.suffix == ".safetensors":
            outdated.unlink(missing_ok=True)
    if shutil.disk_usage(path.parent).free < nbytes:
        raise ResourceError(f"not enough disk for {path}: it takes {nbytes / 1e9:.1f} GB")


def _places(source: Source, layout: str, origin: str) -> tuple[Path, Path]:
    """Where the file may be, the preferred place first."""
    first = source.files[0]
    name = f"{first.name}.{layout}.safetensors"
    return (
        first.parent / ".ossia" / name,
        settings.home() / "packed" / f"{origin[:16]}.{layout}.safetensors",
    )


def fingerprint(source: Source) -> str:
    """A digest of the checkpoint's files: names, sizes, times, and samples of what they hold."""
    digest = hashlib.sha256()
    for path in source.files:
        found = path.stat()
        digest.update(f"{path.name}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
        with path.open("rb") as file:
            for sample in range(_SAMPLES):
                file.seek(sample * max(0, found.st_size - _SAMPLE_BYTES) // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _group(tensor: Packed) -> Group:
    rows, columns = tensor.shape[-2:]
    shape = tiles_shape(tensor.shape, tensor.is_mxfp4, len(tensor.names))
    name = f"{'+'.join(tensor.names)}:{rows}x{columns}"
    stored = StoredTensor(name, "U8", shape, math.prod(shape))
    return Group((stored,), lambda: ((0, put_together(parts)) for parts in tensor.make()))


def _read(path: Path, layout: str, origin: str) -> dict[str, TiledArray] | None:
    """Tensors of a packed file; None when it was made from something else."""
    file = MappedFile(path)
    metadata = read_metadata(file)
    if (metadata.get(_ORIGIN), metadata.get(_LAYOUT)) != (origin, layout):
        return None
    arrays = {name: tiled for found in read_header(file) for name, tiled in _tiled(found)}
    if fits_memory(file.size):  # every weight is soon needed, and there is room
        file.populate()
    return arrays


def _tiled(found: FoundTensor) -> Iterator[tuple[str, TiledArray]]:
    """Tensors and their names; shape and name must agree, because kernels trust them."""
    if (name := _NAME.fullmatch(found.name)) and found.encoding == "U8" and len(found.shape) > 3:
        names, rows, columns = name[1].split("+"), int(name[2]), int(name[3])
        tiles = found.file.array(found.start, np.dtype(np.uint8), found.shape)
        parts = take_apart(tiles, rows, columns)
        if found.shape == tiles_shape(parts[0].shape, parts[0].is_mxfp4, len(names)):
            return zip(names, parts, strict=True)
    raise CheckpointError(f"{found.file.path}: {found.name!r:.80} is damaged; remove the file")
