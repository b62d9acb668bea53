"""A checkpoint of any shape whose weights come from a seed: the instrument of tests and benchmarks.

Knows how to draw weights that behave (no overflow, a residual stream that stays near 1 at any
depth, every expert used) straight from random bits, as fast as a disk takes them. Does not know
files: a writer turns this ``Source`` into any layout, and all layouts hold the same model.

How large weights are. A norm hands on values of mean square 1, so a matrix [out, in] whose weights
have mean square (gain**2 / in) hands on values of root mean square ``gain``. Everything that is
added to the residual stream has a gain of 1/sqrt(2 layers): after all layers the stream has grown
by no more than about half, whatever the depth. ``up`` has twice the gain of ``gate``: it
makes an expert's output vary around zero from token to token, not around a vector that all tokens
share and that would send them all to the same experts.

How they are drawn. Random bits are the weights but for their exponent, which is pushed into four
octaves: no normal distribution, no rounding. Each tensor (and each expert) has its own stream,
made of (seed, name, expert, chunk), so that any part can be had alone and in any order.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from ossia.checkpoint.expected import tensor_shapes
from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import Layout, TensorInfo, TokenizerFiles
from ossia.checkpoint.streams import rows_per_chunk
from ossia.numerics.arrays import BLOCK_SIZE, Array, Mxfp4Array

_OCTAVES_MEAN_SQUARE = (1 + 4 + 16 + 64) / 4  # of 2**k, k uniform in 0..3
_BF16_RMS = math.sqrt(_OCTAVES_MEAN_SQUARE * 7 / 3)  # mantissa uniform in [1, 2): mean square 7/3
_MXFP4_RMS = math.sqrt(_OCTAVES_MEAN_SQUARE * 68.5 / 8)  # mean square of the 16 E2M1 values


class SyntheticCheckpoint:
    """A ``Source`` that draws its tensors when they are read, and keeps none."""

    def __init__(
        self, shape: SyntheticShape, seed: int = 0, tokenizer: TokenizerFiles | None = None
    ) -> None:
        """Describe a checkpoint; draws nothing yet.

        Args:
            shape: its sizes.
            seed: the same seed and shape give the same weights on any machine.
            tokenizer: a vocabulary to travel with it; the embedding may be larger.
        """
        self.shape = shape
        self.seed = seed
        self._tokenizer = tokenizer or TokenizerFiles()

    @property
    def path(self) -> Path:
        """A name for messages: nothing lies there."""
        shape = self.shape
        return Path(f"synthetic-{shape.layers}x{shape.hidden}x{shape.experts}-{self.seed}")

    @property
    def layout(self) -> Layout:
        """Synthetic."""
        return Layout.SYNTHETIC

    @property
    def config(self) -> Mapping[str, Any]:
        """The shape in the vocabulary of Hugging Face's config.json."""
        return self.shape.to_config()

    @property
    def tokenizer(self) -> TokenizerFiles:
        """The vocabulary it was given, or none."""
        return self._tokenizer

    @property
    def files(self) -> tuple[Path, ...]:
        """No files."""
        return ()

    @cached_property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Every tensor, in the order embedding, layers, norm, unembedding."""
        return {name: _info(name, shape) for name, shape in tensor_shapes(self.config)}

    def read(self, name: str, expert: int | None = None) -> Array:
        """Draw a tensor, or one expert's part of it.

        Raises:
            KeyError: no tensor has this name.
        """
        info = self.tensors[name]
        if len(info.shape) != 3:
            whole = _join(list(self.stream(name)), np.concatenate)
            return whole if expert is None else whole[expert]
        if expert is not None:
            return _join(list(self.stream(name, expert)), np.concatenate)
        return _join([self.read(name, expert) for expert in range(info.shape[0])], np.stack)

    def stream(self, name: str, expert: int | None = None) -> Iterator[Array]:
        """The same as ``read`` in runs of rows, a few MB each; experts one after the other.

        Raises:
            KeyError: no tensor has this name.
        """
        info = self.tensors[name]
        shape, rms = info.shape, _rms(name, self.shape)
        if len(shape) == 3:
            if expert is None:
                for each in range(shape[0]):
                    yield from self.stream(name, each)
                return
            shape = shape[1:]
        columns, step = math.prod(shape[1:]), rows_per_chunk(shape)
        for start in range(0, shape[0], step):
            rows = min(step, shape[0] - start)
            bits = _Bits(self.seed, name, expert, start)
            if info.encoding == "MXFP4":
                yield _draw_mxfp4(bits, rows, columns, rms or 1.0)
            elif rms is None:
                yield _draw_norm(bits, rows)
            else:
                yield _draw_bf16(bits, rows * columns, rms).reshape(rows, *shape[1:])


class _Bits:
    """Random bits of one chunk of one tensor (PCG64: NumPy keeps its stream for ever)."""

    def __init__(self, *key: object) -> None:
        digest = hashlib.sha256(repr(key).encode()).digest()
        self._generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))

    def uint8(self, count: int) -> NDArray[np.uint8]:
        """Random bytes [count], the same on any machine."""
        words = self._generator.integers(
            0, (1 << 64) - 1, -(-count // 8), dtype=np.uint64, endpoint=True
        )
        return words.astype("<u8", copy=False).view(np.uint8)[:count]

    def uint16(self, count: int) -> NDArray[np.uint16]:
        """Random 16-bit numbers [count]."""
        return self.uint8(2 * count).view("<u2").astype(np.uint16, copy=False)


def _exponent(rms: float, rms_at_one: float) -> int:
    """The biased exponent of the lowest of four octaves for a root mean square near ``rms``."""
    return 127 + round(math.log2(rms / rms_at_one))


def _draw_bf16(bits: _Bits, count: int, rms: float) -> NDArray[Any]:
    """bf16 [count]: random sign, mantissa and low two bits of the exponent."""
    words = bits.uint16(count)
    words &= 0b1_000000_11_1111111
    words += np.uint16(_exponent(rms, _BF16_RMS) << 7)
    return words.view(ml_dtypes.bfloat16)


def _draw_norm(bits: _Bits, count: int) -> NDArray[Any]:
    """bf16 [count] in [0.875, 1.25), the weights of a norm."""
    words = bits.uint16(count)
    words &= 0b111111
    words += np.uint16(0x3F60)  # 0.875
    return words.view(ml_dtypes.bfloat16)


def _draw_mxfp4(bits: _Bits, rows: int, columns: int, rms: float) -> Mxfp4Array:
    """MXFP4 [rows, columns]: random nibbles, scales of four neighbouring powers of two."""
    num_blocks = columns // BLOCK_SIZE
    blocks = bits.uint8(rows * num_blocks * (BLOCK_SIZE // 2))
    scales = bits.uint8(rows * num_blocks)
    scales &= 0b11
    scales += np.uint8(_exponent(rms, _MXFP4_RMS))
    return Mxfp4Array(
        blocks.reshape(rows, num_blocks, BLOCK_SIZE // 2), scales.reshape(rows, num_blocks)
    )


def _rms(name: str, shape: SyntheticShape) -> float | None:
    """The root mean square of a tensor's weights; None for a norm's, which are near 1."""
    kind = name.rsplit(".", 1)[-1]
    step = 1 / math.sqrt(2 * shape.layers)  # what one sublayer may add to the residual stream
    fan_in = {"out": shape.heads * shape.head_dim, "down": shape.intermediate}
    gains = {"unembedding": 2.0, "router": 1.5, "up": 2.0, "out": step, "down": step}
    if kind == "norm":
        return None
    if kind in ("embedding", "sinks"):
        return 1.0
    if kind.endswith("_bias"):
        return 0.05 * gains.get(kind.removesuffix("_bias"), 1.0)
    return gains.get(kind, 1.0) / math.sqrt(fan_in.get(kind, shape.hidden))


def _info(name: str, shape: tuple[int, ...]) -> TensorInfo:
    values = math.prod(shape)
    if len(shape) == 3:  # only the experts' matrices have three axes
        return TensorInfo(name, "MXFP4", shape, values // BLOCK_SIZE * (BLOCK_SIZE // 2 + 1))
    return TensorInfo(name, "BF16", shape, 2 * values)


def _join(parts: list[Array], join: Callable[[list[NDArray[Any]]], NDArray[Any]]) -> Array:
    """Runs of rows, or experts, as one tensor."""
    packed = [part for part in parts if isinstance(part, Mxfp4Array)]
    if packed:
        return Mxfp4Array(
            join([part.blocks for part in packed]), join([part.scales for part in packed])
        )
    return join([part for part in parts if isinstance(part, np.ndarray)])
