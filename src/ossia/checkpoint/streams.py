"""A source's tensors as runs of rows, in the encodings that files hold.

Knows how to take a tensor of any ``Source`` apart without ever holding more than a few MB of it,
and how to hand its pages back when it was mapped. Does not know names or files.
"""

import math
import mmap
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ossia.checkpoint.source import Source
from ossia.numerics.arrays import Array, Mxfp4Array, NibbleOrder, Q8Array
from ossia.numerics.bf16 import BF16, round_to_bf16
from ossia.numerics.dequantize import to_float32
from ossia.numerics.mxfp4 import reorder_nibbles

CHUNK_VALUES = 1 << 20
"""Values in a run of rows."""

PLAIN = {"BF16": BF16, "F16": np.dtype(np.float16), "F32": np.dtype(np.float32)}
"""Encodings that are one number a value."""


@runtime_checkable
class Streamed(Protocol):
    """A source that makes its tensors run by run, and would rather not make them whole."""

    def stream(self, name: str, expert: int | None = None) -> Iterator[Array]:
        """The rows of a tensor, ``CHUNK_VALUES`` values at a time."""


def rows_per_chunk(shape: Sequence[int]) -> int:
    """Rows of a tensor of this shape in one run."""
    return max(1, CHUNK_VALUES // math.prod(shape[1:]))


def chunks(source: Source, name: str, expert: int | None = None) -> Iterator[Array]:
    """Runs of rows of a tensor, or of one expert's matrix; a whole matrix of experts one by one."""
    shape = source.tensors[name].shape
    if len(shape) == 3 and expert is None:
        for each in range(shape[0]):
            yield from chunks(source, name, each)
    elif isinstance(source, Streamed):
        yield from source.stream(name, expert)
    else:
        array = source.read(name, expert)
        step = rows_per_chunk(array.shape)
        for start in range(0, array.shape[0], step):
            yield array[start : start + step]
        hand_back(array)


def plain_encoding(source: Source, *names: str) -> str:
    """The smallest plain encoding that holds all these tensors exactly; Q8_0 rounds to BF16."""
    encodings = {_plain_encoding(source, name) for name in names}
    return encodings.pop() if len(encodings) == 1 else "F32"


def plain_chunks(
    source: Source, name: str, encoding: str, expert: int | None = None
) -> Iterator[NDArray[Any]]:
    """``chunks`` as NumPy numbers of a plain encoding."""
    for chunk in chunks(source, name, expert):
        yield to_plain(chunk, encoding)


def to_plain(array: Array, encoding: str) -> NDArray[Any]:
    """Any array as numbers of a plain encoding."""
    if isinstance(array, np.ndarray) and array.dtype == PLAIN[encoding]:
        return array
    values = to_float32(array)
    return (
        round_to_bf16(values) if encoding == "BF16" else values.astype(PLAIN[encoding], copy=False)
    )


def adjacent(array: Array) -> Mxfp4Array:
    """An MXFP4 array as Hugging Face's and OpenAI's files order its nibbles."""
    assert isinstance(array, Mxfp4Array)
    return reorder_nibbles(array, NibbleOrder.ADJACENT)


def ggml_blocks(array: Array) -> NDArray[np.uint8]:
    """MXFP4 as ggml stores it: uint8 [rows, blocks * 17]; Q8_0: uint8 [rows, blocks * 34]."""
    if isinstance(array, Q8Array):
        head = np.ascontiguousarray(array.scales, "<f2")[..., None].view(np.uint8)
        body = array.values.view(np.uint8)
    else:
        assert isinstance(array, Mxfp4Array)
        array = reorder_nibbles(array, NibbleOrder.HALVES)
        head, body = array.scales[..., None], array.blocks
    return np.concatenate([head, body], axis=-1).reshape(array.shape[0], -1)


def interleave(arrays: Sequence[NDArray[Any]], axis: int = 0) -> NDArray[Any]:
    """Arrays of one shape as one, in which they take turns along an axis; one alone as it is."""
    if len(arrays) == 1:
        return arrays[0]
    shape = list(arrays[0].shape)
    shape[axis] *= len(arrays)
    return np.stack(arrays, axis=axis + 1).reshape(shape)


def _plain_encoding(source: Source, name: str) -> str:
    encoding = source.tensors[name].encoding
    if encoding == "F32" and _is_bf16(source, name):
        return "BF16"
    return encoding if encoding in PLAIN else "BF16"


def _is_bf16(source: Source, name: str) -> bool:
    """Whether all values of a float32 tensor are bfloat16: their lower halves are zero."""
    return not any(
        np.any(np.ascontiguousarray(chunk).view(np.uint32) & 0xFFFF)
        for chunk in chunks(source, name)
        if isinstance(chunk, np.ndarray)
    )


def hand_back(array: Array) -> None:
    """Let go of the mapped pages that were read: copying a model must not fill the memory."""
    owner: Any = array if isinstance(array, np.ndarray) else getattr(array, "scales", None)
    if isinstance(array, Q8Array):
        owner = array.values
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    if isinstance(owner, mmap.mmap):
        owner.madvise(mmap.MADV_DONTNEED)  # a read-only map: the pages come back when asked for
