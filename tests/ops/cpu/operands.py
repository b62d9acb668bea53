"""What the tests of products multiply: weights in every layout, and activations in 8 bits."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ossia.numerics import mxfp4
from ossia.numerics.arrays import BLOCK_SIZE, Float32, Mxfp4Array, NibbleOrder, Q8Array
from ossia.ops.cpu import _kernels, active_instruction_set, available_instruction_sets

Layout = Callable[[Mxfp4Array], Mxfp4Array]


def random_mxfp4(*shape: int, seed: int = 0) -> Mxfp4Array:
    """All codes, scales of some octaves; the shape ends in rows and blocks."""
    rng = np.random.default_rng(seed)
    return Mxfp4Array(
        rng.integers(0, 256, (*shape, 16), dtype=np.uint8),
        rng.integers(115, 125, shape, dtype=np.uint8),
    )


def random_q8(*shape: int, seed: int = 0) -> Q8Array:
    """All bytes, -128 too; the shape ends in rows and blocks."""
    rng = np.random.default_rng(seed)
    return Q8Array(
        rng.integers(-128, 128, (*shape, BLOCK_SIZE), dtype=np.int8),
        rng.uniform(-0.1, 0.1, shape).astype(np.float16),
    )


def normal(*shape: int, seed: int = 1) -> Float32:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def apart(weight: Mxfp4Array) -> Mxfp4Array:
    return weight


def gate_of_gate_up(weight: Mxfp4Array) -> Mxfp4Array:
    """Every other row of a matrix, as OpenAI's and Hugging Face's files hold gate and up."""
    *leading, rows, blocks = weight.scales.shape
    both = random_mxfp4(*leading, 2 * rows, blocks, seed=9)
    both.blocks[..., 0::2, :, :] = weight.blocks
    both.scales[..., 0::2, :] = weight.scales
    return Mxfp4Array(both.blocks[..., 0::2, :, :], both.scales[..., 0::2, :])


def ggml(weight: Mxfp4Array) -> Mxfp4Array:
    """17 bytes a block, scale first, halves share a byte: nothing is aligned."""
    halves = mxfp4.reorder_nibbles(weight, NibbleOrder.HALVES)
    stored = np.concatenate([halves.scales[..., None], halves.blocks], axis=-1)
    return Mxfp4Array(stored[..., 1:], stored[..., 0], NibbleOrder.HALVES)


def unaligned(weight: Mxfp4Array) -> Mxfp4Array:
    """From an odd address, read-only, as a mapped file gives it."""
    memory = np.frombuffer(b"?" + weight.blocks.tobytes() + weight.scales.tobytes(), np.uint8)
    end = 1 + weight.blocks.size
    return Mxfp4Array(
        memory[1:end].reshape(weight.blocks.shape), memory[end:].reshape(weight.scales.shape)
    )


LAYOUTS: list[Layout] = [apart, gate_of_gate_up, ggml, unaligned]


def ggml_q8(array: Q8Array) -> Q8Array:
    """34 bytes a block, its scale first, from an odd address."""
    scales = array.scales[..., None].view(np.uint8)
    stored = np.concatenate([scales, array.values.view(np.uint8)], axis=-1)
    memory = np.frombuffer(b"?" + stored.tobytes(), np.uint8)[1:].reshape(stored.shape)
    return Q8Array(memory[..., 2:].view(np.int8), memory[..., :2].view(np.float16)[..., 0])


def rounded(x: Float32) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Activations as kernels round them, by the kernels' own operations; and each one's scale.

    32 columns share a scale, the largest magnitude over 127. Both are [tokens, columns], exact.
    """
    tokens, columns = x.shape
    blocks = np.pad(x, ((0, 0), (0, -columns % BLOCK_SIZE))).reshape(tokens, -1, BLOCK_SIZE)
    largest = np.abs(blocks).max(axis=-1, keepdims=True)
    inverse = np.divide(np.float32(127), largest, out=np.zeros_like(largest), where=largest > 0)
    scales = np.broadcast_to((largest / np.float32(127)).astype(np.float64), blocks.shape)
    values = np.rint(blocks * inverse).astype(np.float64) * scales
    return values.reshape(tokens, -1)[:, :columns], scales.reshape(tokens, -1)[:, :columns]


def each_instruction_set() -> Iterator[str]:
    """For tests that hypothesis calls many times: as the fixture, within one call."""
    try:
        for name in available_instruction_sets():
            _kernels.use_instruction_set(name)
            yield name
    finally:
        _kernels.use_instruction_set(active_instruction_set())
