"""Our tensors as the groups that OpenAI's and Hugging Face's files hold: fused and interleaved.

Knows how gate and up become one tensor and how experts lie in it; names are the writers'.
"""

import math
from collections.abc import Sequence

import numpy as np

from ossia.checkpoint.source import Source
from ossia.checkpoint.stored import Group, Pieces, StoredTensor
from ossia.checkpoint.streams import (
    PLAIN,
    adjacent,
    chunks,
    interleave,
    plain_chunks,
    plain_encoding,
)
from ossia.numerics.arrays import BLOCK_SIZE

GATE_UP = ("gate", "up")
DOWN = ("down",)


def has_mxfp4_experts(source: Source) -> bool:
    """Whether every expert matrix is MXFP4: these files have all of them so, or none."""
    return all(
        tensor.encoding == "MXFP4" for tensor in source.tensors.values() if len(tensor.shape) == 3
    )


def rounding_notes(source: Source) -> tuple[str, ...]:
    """What a file without Q8_0 and with a single encoding of experts cannot keep, in sentences."""
    encodings = {tensor.encoding for tensor in source.tensors.values()}
    experts = {t.encoding for t in source.tensors.values() if len(t.shape) == 3}
    notes = []
    if "Q8_0" in encodings:
        notes.append("Q8_0 tensors were rounded to BF16, which this format has in their place.")
    if "MXFP4" in experts and experts != {"MXFP4"}:
        notes.append("MXFP4 experts were widened to BF16, because not all experts are MXFP4.")
    return tuple(notes)


def stacked(source: Source, name: str, parts: Sequence[str]) -> Group:
    """Tensors of one width below each other, as q, k and v in OpenAI's files; or just one."""
    encoding = plain_encoding(source, *parts)
    shapes = [source.tensors[part].shape for part in parts]
    shape = (sum(shape[0] for shape in shapes), *shapes[0][1:])

    def pieces() -> Pieces:
        for part in parts:
            for chunk in plain_chunks(source, part, encoding):
                yield 0, chunk

    return Group((_plain(name, encoding, shape),), pieces)


def biases(source: Source, name: str, parts: Sequence[str]) -> Group:
    """Biases of experts [experts, out]; those of gate and up alternate."""
    encoding = plain_encoding(source, *parts)
    experts, rows = source.tensors[parts[0]].shape

    def pieces() -> Pieces:
        for together in zip(*(plain_chunks(source, p, encoding) for p in parts), strict=True):
            yield 0, interleave(together, axis=1)

    return Group((_plain(name, encoding, (experts, rows * len(parts))),), pieces)


def mxfp4_experts(source: Source, name: str, parts: Sequence[str], suffixes: str) -> Group:
    """Blocks [experts, out, blocks, 16] and scales [experts, out, blocks]; gate and up alternate.

    Args:
        source: has the parts in MXFP4.
        name: of the fused tensor.
        parts: gate and up, or down alone.
        suffixes: what blocks and scales add to the name, as ``"_{}"``.
    """
    experts, rows, columns = source.tensors[parts[0]].shape
    shape = (experts, rows * len(parts), columns // BLOCK_SIZE)
    block_bytes = BLOCK_SIZE // 2

    def pieces() -> Pieces:
        for expert in range(experts):
            for together in zip(*(chunks(source, part, expert) for part in parts), strict=True):
                arrays = [adjacent(chunk) for chunk in together]
                yield 0, interleave([array.blocks for array in arrays])
                yield 1, interleave([array.scales for array in arrays])

    blocks = StoredTensor(
        name + suffixes.format("blocks"),
        "U8",
        (*shape, block_bytes),
        math.prod(shape) * block_bytes,
    )
    scales = StoredTensor(name + suffixes.format("scales"), "U8", shape, math.prod(shape))
    return Group((blocks, scales), pieces)


def plain_experts(source: Source, name: str, parts: Sequence[str], *, is_transposed: bool) -> Group:
    """Matrices [experts, out, in] of plain numbers, gate and up alternating along out.

    Args:
        source: has the parts, in any encoding.
        name: of the fused tensor.
        parts: gate and up, or down alone.
        is_transposed: store [experts, in, out], as Hugging Face does.
    """
    encoding = plain_encoding(source, *parts)
    experts, rows, columns = source.tensors[parts[0]].shape
    shape = (experts, rows * len(parts), columns)
    if is_transposed:
        shape = (experts, columns, rows * len(parts))

    def pieces() -> Pieces:
        for expert in range(experts):
            matrices = [
                np.concatenate(list(plain_chunks(source, part, encoding, expert))) for part in parts
            ]
            matrix = interleave(matrices)
            yield 0, matrix.T if is_transposed else matrix

    return Group((_plain(name, encoding, shape),), pieces)


def _plain(name: str, encoding: str, shape: tuple[int, ...]) -> StoredTensor:
    return StoredTensor(name, encoding, shape, math.prod(shape) * PLAIN[encoding].itemsize)
