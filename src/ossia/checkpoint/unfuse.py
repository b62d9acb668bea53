"""Gate and up out of one tensor, as views: what ``fuse`` does, undone without a copy.

Knows how OpenAI's and Hugging Face's files hold experts; names are the readers'.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ossia.base.errors import CheckpointError
from ossia.checkpoint.directory import Directory
from ossia.checkpoint.expected import Shape
from ossia.checkpoint.streams import PLAIN
from ossia.numerics.arrays import BLOCK_SIZE, Array, Mxfp4Array


def experts(
    directory: Directory,
    name: str,
    parts: Sequence[str],
    shapes: Mapping[str, Shape],
    *,
    suffixes: str,
    is_transposed: bool,
) -> Iterator[tuple[str, Array]]:
    """The matrices that a fused tensor holds, each [experts, out, in].

    Args:
        directory: has the tensor in MXFP4 (as two) or in plain numbers.
        name: of the fused tensor.
        parts: canonical names of gate and up, or of down alone.
        shapes: of all canonical names.
        suffixes: what blocks and scales add to the name, as ``"_{}"``.
        is_transposed: plain numbers are stored [experts, in, out].

    Raises:
        CheckpointError: the tensor is missing, or not as the configuration has it.
    """
    num_experts, rows, columns = shapes[parts[0]]
    rows *= len(parts)
    blocks_name, scales_name = (name + suffixes.format(kind) for kind in ("blocks", "scales"))
    if blocks_name in directory:
        if columns % BLOCK_SIZE:
            raise CheckpointError(
                f"{directory.where}: {blocks_name} is MXFP4, but {columns} columns are no "
                f"multiple of {BLOCK_SIZE}"
            )
        shape = (num_experts, rows, columns // BLOCK_SIZE)
        blocks = _plain(directory, blocks_name, (*shape, BLOCK_SIZE // 2), ("U8",))
        scales = _plain(directory, scales_name, shape, ("U8",))
        for turn, part in enumerate(parts):
            every = slice(turn, None, len(parts))
            yield part, Mxfp4Array(blocks[:, every], scales[:, every])
        return
    stored = (num_experts, columns, rows) if is_transposed else (num_experts, rows, columns)
    matrix = _plain(directory, name, stored, PLAIN)
    if is_transposed:
        matrix = matrix.transpose(0, 2, 1)  # [experts, rows, columns]
    for turn, part in enumerate(parts):
        yield part, matrix[:, turn :: len(parts)]


def biases(
    directory: Directory, name: str, parts: Sequence[str], shapes: Mapping[str, Shape]
) -> Iterator[tuple[str, Array]]:
    """The biases [experts, out] that a fused tensor holds; arguments as for ``experts``."""
    num_experts, rows = shapes[parts[0]]
    bias = _plain(directory, name, (num_experts, rows * len(parts)), PLAIN)
    for turn, part in enumerate(parts):
        yield part, bias[:, turn :: len(parts)]


def stacked(
    directory: Directory, name: str, parts: Sequence[str], shapes: Mapping[str, Shape]
) -> Iterator[tuple[str, Array]]:
    """Tensors that lie below each other in one, as q, k and v in OpenAI's files; or just one."""
    rows = sum(shapes[part][0] for part in parts)
    whole = _plain(directory, name, (rows, *shapes[parts[0]][1:]), PLAIN)
    start = 0
    for part in parts:
        yield part, whole[start : start + shapes[part][0]]
        start += shapes[part][0]


def _plain(
    directory: Directory, name: str, shape: Shape, encodings: Sequence[str] | Mapping[str, object]
) -> np.ndarray:
    array = directory.take(name, shape, tuple(encodings))
    assert isinstance(array, np.ndarray)  # none of the encodings is one of blocks
    return array
