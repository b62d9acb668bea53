"""What a checkpoint is to the rest of the house, whatever layout its files have.

Readers, the synthetic generator and writers meet here: a reader makes a ``Source`` from files, the
generator makes one from a seed, a writer turns any ``Source`` into files. Names are ours:

    embedding  norm  unembedding
    layers.N.attention.  norm q q_bias k k_bias v v_bias out out_bias sinks
    layers.N.experts.    norm router router_bias gate gate_bias up up_bias down down_bias

Matrices are [out, in]; expert matrices [experts, out, in] and their biases [experts, out]. Gate and
up are two tensors here, also where the file holds them interleaved: then both are strided views.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from ossia.numerics.arrays import Array


class Layout(Enum):
    """How a checkpoint's files are laid out."""

    HF = "hf"
    OPENAI = "openai"
    GGUF = "gguf"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class TensorInfo:
    """One tensor, described without reading it.

    Attributes:
        name: our canonical name, such as ``layers.0.attention.q``.
        encoding: BF16, F16, F32, MXFP4 or Q8_0.
        shape: logical shape, in values.
        nbytes: bytes in the file.
    """

    name: str
    encoding: str
    shape: tuple[int, ...]
    nbytes: int


@dataclass(frozen=True)
class TokenizerFiles:
    """Where a checkpoint's vocabulary is; at most one of the first three is set.

    Attributes:
        json: path of a Hugging Face ``tokenizer.json``.
        ranks: path of a tiktoken rank file.
        gguf: the ``tokenizer.*`` keys of GGUF metadata.
        chat_template: text of a Jinja chat template, kept for ``convert``; ossia does not use it.
    """

    json: Path | None = None
    ranks: Path | None = None
    gguf: Mapping[str, Any] | None = None
    chat_template: str | None = None


class Source(Protocol):
    """A checkpoint: shape, named tensors, vocabulary."""

    @property
    def path(self) -> Path:
        """The file or folder that was opened."""

    @property
    def layout(self) -> Layout:
        """How it is laid out."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The model's shape in the vocabulary of Hugging Face's config.json (gpt_oss)."""

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Every tensor by canonical name, in the order embedding, layers, norm, unembedding."""

    @property
    def tokenizer(self) -> TokenizerFiles:
        """Where the vocabulary is."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The weight files, in order."""

    def read(self, name: str, expert: int | None = None) -> Array:
        """A tensor by canonical name; with ``expert``, only that expert's slice.

        Mapped checkpoints return views and copy nothing.

        Raises:
            KeyError: no tensor has this name.
        """
