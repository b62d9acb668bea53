"""A checkpoint whose experts are rounded to MXFP4 as they are read, for a writer to keep.

Knows one thing: which tensors gpt-oss holds in MXFP4. How they were trained is the recipe's.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ossia.checkpoint import Layout, Source, TensorInfo, TokenizerFiles
from ossia.numerics.arrays import BLOCK_SIZE, Array, Mxfp4Array
from ossia.numerics.dequantize import to_float32
from ossia.numerics.mxfp4 import quantize


class QuantizedExperts:
    """A ``Source`` that is another one, but with every expert's matrix in MXFP4.

    Attributes:
        tokenizer: the vocabulary to go with it.
    """

    def __init__(self, source: Source, tokenizer: TokenizerFiles) -> None:
        """Wrap ``source``; reads nothing yet."""
        self._source = source
        self.tokenizer = tokenizer

    @property
    def path(self) -> Path:
        """Where the other one is."""
        return self._source.path

    @property
    def layout(self) -> Layout:
        """The other one's layout."""
        return self._source.layout

    @property
    def config(self) -> Mapping[str, Any]:
        """The other one's configuration."""
        return self._source.config

    @property
    def files(self) -> tuple[Path, ...]:
        """The other one's files."""
        return self._source.files

    @cached_property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Every tensor as it will be read."""
        return {name: _quantized(info) for name, info in self._source.tensors.items()}

    def read(self, name: str, expert: int | None = None) -> Array:
        """A tensor, or one expert's part of it; expert matrices in MXFP4.

        Raises:
            KeyError: no tensor has this name.
        """
        array = self._source.read(name, expert)
        is_matrix_of_experts = len(self._source.tensors[name].shape) == 3
        if is_matrix_of_experts and not isinstance(array, Mxfp4Array):
            return quantize(to_float32(array))
        return array


def _quantized(info: TensorInfo) -> TensorInfo:
    if len(info.shape) != 3:  # only experts' matrices have three axes
        return info
    num_blocks = math.prod(info.shape) // BLOCK_SIZE
    return replace(info, encoding="MXFP4", nbytes=num_blocks * (BLOCK_SIZE // 2 + 1))
