"""Weights as a backend computes with them: packed where it pays, once, in a file kept for later.

Knows which tensors a backend may pack and which stay exact; where bytes lie is checkpoint's
knowledge, what packing does is the backend's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ossia.base import settings
from ossia.base.errors import InputError, ResourceError
from ossia.base.memory import available_memory, fits_memory
from ossia.checkpoint.mapped import populate
from ossia.checkpoint.packed import Packed, open_packed, write_packed
from ossia.checkpoint.source import Source
from ossia.checkpoint.stored import Progress, silent
from ossia.checkpoint.streams import hand_back
from ossia.model.load import build_params
from ossia.model.params import Params
from ossia.numerics.arrays import Array, TiledArray
from ossia.numerics.dequantize import to_float32
from ossia.ops.spec import Ops

MATRICES = frozenset({"q", "k", "v", "out", "gate", "up", "down", "unembedding"})
"""Leaves that a backend may pack. The router is small and decides: it stays exact. Of the
embedding only the rows of the tokens at hand are read."""

AS_THEY_ARE = frozenset({"embedding", "router"})
"""Leaves that stay views of the file. All others are vectors, few enough to be float32."""

SMALL_BYTES = 256 << 20
"""Matrices up to this size are packed anew at each start: it takes less than a second."""


Names = tuple[str, ...]
"""Tensors that are read together."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Weights ready to compute with.

    Attributes:
        holding: how they are held, in words for the user.
    """

    params: Params
    holding: str


def prepare_params(
    source: Source, num_layers: int, ops: Ops, progress: Progress = silent
) -> Prepared:
    """The weights of ``source`` as a tree; matrices in the layout that the backend wants.

    A packed form is made once and kept in a file (``OSSIA_WEIGHTS=packed``, the default), which
    takes about as much disk as the matrices; or at each start in memory (``memory``); or never
    (``released``). ``progress`` is told bytes packed while that goes on.

    Raises:
        CheckpointError: from the source, when its files changed since they were opened.
    """
    matrices, holding = _matrices(source, ops, progress)
    return Prepared(build_params(partial(_read, source, matrices), num_layers), holding)


def _read(source: Source, matrices: Mapping[str, Array], name: str) -> Array:
    leaf = name.rpartition(".")[2]
    if leaf in MATRICES and matrices:
        return matrices[name]
    array = source.read(name)
    return array if leaf in MATRICES | AS_THEY_ARE else to_float32(array)


def _matrices(source: Source, ops: Ops, progress: Progress) -> tuple[Mapping[str, Array], str]:
    """Packed matrices by name, or none where weights stay as they are; and how they are held."""
    layout = ops.packing()
    if layout is None:
        return {}, "as released, mapped from the checkpoint"
    wanted = [name for name in source.tensors if name.rpartition(".")[2] in MATRICES]
    nbytes = sum(source.tensors[name].nbytes for name in wanted)
    in_memory = partial(_in_memory, source, _together(source, wanted), ops, progress)
    if nbytes <= SMALL_BYTES:
        return in_memory("a small model")
    if settings.weights() == "memory":
        return in_memory("OSSIA_WEIGHTS=memory")
    if (found := _from_file(source, layout, wanted)) is not None:
        return found
    try:
        tensors = [_packed(source, names, ops) for names in _together(source, wanted)]
        write_packed(source, layout, tensors, progress)
    except (InputError, ResourceError) as error:
        return in_memory(str(error))
    if (found := _from_file(source, layout, wanted)) is not None:
        return found
    # The checkpoint changed meanwhile, or another process replaced what was written.
    return in_memory("the packed file was gone at once")


def _from_file(
    source: Source, layout: str, wanted: list[str]
) -> tuple[Mapping[str, Array], str] | None:
    """The matrices of an earlier packing, if it has all of them."""
    if (found := open_packed(source, layout)) is None:
        return None
    path, arrays = found
    is_whole = all(
        name in arrays and arrays[name].shape == source.tensors[name].shape for name in wanted
    )
    if not is_whole:
        return None
    embedding = source.read("embedding")
    if isinstance(embedding, np.ndarray) and fits_memory(path.stat().st_size + embedding.nbytes):
        populate(embedding)  # a prompt reads its rows here and there: slow from a disk
    return arrays, f"packed, mapped from {_short(path)}"


def _short(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)


def _in_memory(
    source: Source, wanted: list[Names], ops: Ops, progress: Progress, reason: str
) -> tuple[Mapping[str, Array], str]:
    """Packs into memory, if that has the room: else the system would kill the process."""
    total = sum(source.tensors[name].nbytes for names in wanted for name in names)
    if total > available_memory():
        return (
            {},
            f"as released, mapped from the checkpoint: too large to pack in memory ({reason})",
        )
    matrices: dict[str, Array] = {}
    done = 0
    for names in wanted:
        released = tuple(source.read(name) for name in names)
        matrices |= zip(names, ops.pack_together(released), strict=True)
        for name, array in zip(names, released, strict=True):
            hand_back(array)
            done += source.tensors[name].nbytes
        progress(done, total)
    return matrices, f"packed, in memory ({reason})"


def _together(source: Source, wanted: list[str]) -> list[Names]:
    """Names by what is read together: an expert's gate and up, else each by itself."""
    together: list[Names] = []
    for name in wanted:
        stem, _, leaf = name.rpartition(".")
        gate = f"{stem}.gate"
        if leaf == "up" and source.tensors[gate].encoding == source.tensors[name].encoding:
            together[together.index((gate,))] = (gate, name)
        else:
            together.append((name,))
    return together


def _packed(source: Source, names: Names, ops: Ops) -> Packed:
    info = source.tensors[names[0]]
    is_mxfp4 = info.encoding == "MXFP4"
    return Packed(names, info.shape, is_mxfp4, partial(_pack_pieces, source, names, ops))


def _pack_pieces(source: Source, names: Names, ops: Ops) -> Iterator[tuple[TiledArray, ...]]:
    """Matrices, or the experts' one after the other: little memory is held at a time."""
    shape = source.tensors[names[0]].shape
    for expert in range(shape[0]) if len(shape) == 3 else (None,):
        released = tuple(source.read(name, expert) for name in names)
        parts = ops.pack_together(released)
        tiled = tuple(part for part in parts if isinstance(part, TiledArray))
        assert len(tiled) == len(names), "files hold tiles; this backend packs something else"
        yield tiled
    for array in released:
        hand_back(array)
