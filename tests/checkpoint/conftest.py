"""Sources and independent readers for the tests of checkpoints."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from ossia.checkpoint.convert import convert
from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import Layout, Source, TokenizerFiles
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.numerics.arrays import Array, Float32
from ossia.numerics.bf16 import round_to_bf16
from ossia.numerics.dequantize import to_float32
from ossia.numerics.ggml import quantize_q8

ENCODERS: Mapping[str, Callable[[Float32], Array]] = {
    "BF16": round_to_bf16,
    "F16": lambda values: values.astype(np.float16),
    "F32": lambda values: values,
    "Q8_0": quantize_q8,
}


class Recoded:
    """Another source with some of its tensors in another encoding, read whole like a mapped one."""

    def __init__(self, source: Source, encodings: Mapping[str, str]) -> None:
        self.source = source
        self.path = Path("recoded")
        self.layout = Layout.HF
        self.config = source.config
        self.tokenizer = source.tokenizer
        self.files: tuple[Path, ...] = ()
        self._encodings = encodings
        self.tensors = {
            name: replace(info, encoding=self._encoding(name) or info.encoding)
            for name, info in source.tensors.items()
        }

    def _encoding(self, name: str) -> str | None:
        """By the longest suffix of a name that was asked for; "" is every tensor."""
        found = [suffix for suffix in self._encodings if name.endswith(suffix)]
        return self._encodings[max(found, key=len)] if found else None

    def read(self, name: str, expert: int | None = None) -> Array:
        array = self.source.read(name)
        if encoding := self._encoding(name):
            array = ENCODERS[encoding](to_float32(array))
        return array if expert is None else array[expert]


@pytest.fixture(scope="session")
def recode() -> Callable[[Source, Mapping[str, str]], Recoded]:
    """Makes a source with tensors re-encoded: name's end to encoding."""
    return Recoded


@pytest.fixture(scope="session")
def byte_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> TokenizerFiles:
    """A tokenizer.json with a token a byte, one merge and three special tokens."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*alphabet, "he"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("h", "e")], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    names = ("<|return|>", "<|endoftext|>", "<|call|>")
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names])
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return TokenizerFiles(json=path, chat_template="{{ messages }}\r\n한글")


LAYOUT_NAMES = {Layout.HF: "hf", Layout.OPENAI: "openai", Layout.GGUF: "model.gguf"}


@pytest.fixture(scope="session")
def drawn(byte_tokenizer: TokenizerFiles) -> SyntheticCheckpoint:
    """A small model, drawn from a seed."""
    return SyntheticCheckpoint(SyntheticShape.parse("2x64x3x4x2x400"), 5, byte_tokenizer)


@pytest.fixture(scope="session")
def written(
    drawn: SyntheticCheckpoint, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[Layout, Path]:
    """The same model in every layout; tests copy what they change."""
    folder = tmp_path_factory.mktemp("written")
    for layout, name in LAYOUT_NAMES.items():
        convert(drawn, folder / name, to=layout)
    return {layout: folder / name for layout, name in LAYOUT_NAMES.items()}


@pytest.fixture(params=list(LAYOUT_NAMES), ids=lambda layout: layout.value)
def layout(request: pytest.FixtureRequest) -> Layout:
    """Each layout that has files."""
    asked: Layout = request.param
    return asked


@pytest.fixture
def copied(written: Mapping[Layout, Path], layout: Layout, tmp_path: Path) -> Path:
    """A copy of the model in each layout, to change."""
    path = written[layout]
    if path.is_dir():
        return shutil.copytree(path, tmp_path / path.name)
    return Path(shutil.copy(path, tmp_path))


StoredTensors = dict[str, tuple[str, NDArray[Any]]]


@pytest.fixture(scope="session")
def read_safetensors() -> Callable[[Path], StoredTensors]:
    """Reads every safetensors file of a folder with the safetensors package."""
    import safetensors

    dtypes = {"BF16": ml_dtypes.bfloat16, "F32": np.float32, "F16": np.float16, "U8": np.uint8}

    def read(folder: Path) -> StoredTensors:
        tensors: StoredTensors = {}
        for path in sorted(folder.glob("*.safetensors")):
            for name, entry in safetensors.deserialize(path.read_bytes()):
                data = np.frombuffer(entry["data"], dtypes[entry["dtype"]])
                assert name not in tensors
                tensors[name] = entry["dtype"], data.reshape(entry["shape"])
        return tensors

    return read


@pytest.fixture(scope="session")
def read_gguf() -> Callable[[Path], dict[str, Float32]]:
    """Reads a GGUF file's tensors as float32 with the gguf package."""
    import gguf
    from gguf.quants import dequantize

    def read(path: Path) -> dict[str, Float32]:
        return {
            tensor.name: dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            for tensor in gguf.GGUFReader(path).tensors
        }

    return read
