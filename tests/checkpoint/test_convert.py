"""From layout to layout and back: the same bytes, whoever reads in between."""

import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf
import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from ossia.base.errors import InputError
from ossia.checkpoint.convert import WRITERS, convert
from ossia.checkpoint.open import open_checkpoint
from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import Layout, Source, TensorInfo, TokenizerFiles
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.checkpoint.write_gguf import NAMES
from ossia.numerics.arrays import Array, Float32, Mxfp4Array, NibbleOrder, Q8Array

Recode = Callable[[Source, Mapping[str, str]], Source]
SHAPE = SyntheticShape.parse("2x64x3x4x2x400")
DESTINATIONS = {Layout.HF: "hf", Layout.OPENAI: "openai", Layout.GGUF: "m.gguf"}


class GgufPackage:
    """A GGUF file as a source, read by the gguf package and not by ossia."""

    layout = Layout.GGUF

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self.path, self.config, self.files = path, config, (path,)
        reader = gguf.GGUFReader(path)
        self._tensors = {tensor.name: tensor for tensor in reader.tensors}
        fields = {name: field.contents() for name, field in reader.fields.items()}
        template = fields.get("tokenizer.chat_template")
        metadata = {key: value for key, value in fields.items() if key.startswith("tokenizer.")}
        self.tokenizer = TokenizerFiles(gguf=metadata, chat_template=template)
        layers = range(config["num_hidden_layers"])
        self._names = {ours: theirs for ours, theirs in NAMES.items() if "." not in ours} | {
            f"layers.{layer}.{ours}": f"blk.{layer}.{theirs}"
            for ours, theirs in NAMES.items()
            if "." in ours
            for layer in layers
        }
        self.tensors = {ours: self._info(ours) for ours in self._names}

    def _info(self, name: str) -> TensorInfo:
        tensor = self._tensors[self._names[name]]
        shape = tuple(int(size) for size in reversed(tensor.shape))
        return TensorInfo(name, tensor.tensor_type.name, shape, int(tensor.n_bytes))

    def read(self, name: str, expert: int | None = None) -> Array:
        array = self._decode(name)
        return array if expert is None else array[expert]

    def _decode(self, name: str) -> Array:
        info, data = self.tensors[name], self._tensors[self._names[name]].data
        rows, num_blocks = info.shape[:-1], info.shape[-1] // 32
        match info.encoding:
            case "MXFP4":
                blocks = data.reshape(*rows, num_blocks, 17)
                return Mxfp4Array(blocks[..., 1:], blocks[..., 0], NibbleOrder.HALVES)
            case "Q8_0":
                blocks = data.reshape(*rows, num_blocks, 34)
                scales = np.ascontiguousarray(blocks[..., :2]).view(np.float16)[..., 0]
                return Q8Array(blocks[..., 2:].view(np.int8), scales)
            case "BF16":
                return data.view(ml_dtypes.bfloat16).reshape(info.shape)
            case _:
                plain: NDArray[Any] = data.reshape(info.shape)
                return plain


@pytest.fixture
def source(byte_tokenizer: TokenizerFiles) -> SyntheticCheckpoint:
    return SyntheticCheckpoint(SHAPE, 11, byte_tokenizer)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("experts", ["MXFP4", "BF16"])
def test_there_and_back_is_the_same_file(
    tmp_path: Path, source: Source, recode: Recode, experts: str
) -> None:
    """HF, then GGUF, then HF: every byte of weights, configuration and vocabulary."""
    if experts == "BF16":
        source = recode(source, dict.fromkeys(("gate", "up", "down"), experts))
    convert(source, tmp_path / "before", to=Layout.HF)
    convert(source, tmp_path / "m.gguf", to=Layout.GGUF)
    convert(GgufPackage(tmp_path / "m.gguf", source.config), tmp_path / "after", to=Layout.HF)
    before, after = _files(tmp_path / "before"), _files(tmp_path / "after")
    assert before == after
    assert {"model.safetensors", "config.json", "tokenizer.json"} < before.keys()


@pytest.mark.parametrize("between", [Layout.GGUF, Layout.OPENAI])
@pytest.mark.parametrize("experts", ["MXFP4", "BF16"])
def test_there_and_back_through_our_own_readers(
    tmp_path: Path, source: Source, recode: Recode, experts: str, between: Layout
) -> None:
    """HF, then another layout, then HF, every step from what is on the disk."""
    if experts == "BF16":
        source = recode(source, dict.fromkeys(("gate", "up", "down"), experts))
    convert(source, tmp_path / "before", to=Layout.HF)
    middle = tmp_path / DESTINATIONS[between]
    convert(open_checkpoint(tmp_path / "before"), middle, to=between)
    convert(open_checkpoint(middle), tmp_path / "after", to=Layout.HF)
    before, after = _files(tmp_path / "before"), _files(tmp_path / "after")
    if between is Layout.OPENAI:  # which has no place for a chat template
        del before["chat_template.jinja"]
    assert before == after


def test_gguf_to_gguf_through_our_own_reader(
    tmp_path: Path, source: Source, recode: Recode
) -> None:
    mixed = recode(source, {".q": "Q8_0", ".out": "F16", "down": "Q8_0"})
    convert(mixed, tmp_path / "a.gguf", to=Layout.GGUF)
    convert(open_checkpoint(tmp_path / "a.gguf"), tmp_path / "b.gguf", to=Layout.GGUF)
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()


def test_converting_does_not_keep_the_model_in_memory(tmp_path: Path) -> None:
    """Pages of the mapped source are handed back as it is copied, experts included."""
    large = SyntheticCheckpoint(SyntheticShape.parse("2x1024x80x16x8x20000"), 0)
    convert(large, tmp_path / "hf", to=Layout.HF)
    command = [sys.executable, "-c", _CONVERT, str(tmp_path / "hf"), str(tmp_path / "m.gguf")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    nbytes, grown_kb = map(int, done.stdout.split())
    assert nbytes > 300_000_000
    assert grown_kb < 120_000


_CONVERT = """
import resource, sys
from pathlib import Path
from ossia.checkpoint.convert import convert
from ossia.checkpoint.open import open_checkpoint
from ossia.checkpoint.source import Layout
source = open_checkpoint(Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
written = convert(source, Path(sys.argv[2]), to=Layout.GGUF)
print(written.nbytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_gguf_to_gguf_keeps_every_block(tmp_path: Path, source: Source, recode: Recode) -> None:
    """Q8_0 beside MXFP4, which no other layout holds."""
    mixed = recode(source, {".q": "Q8_0", ".out": "F16", "down": "Q8_0"})
    convert(mixed, tmp_path / "a.gguf", to=Layout.GGUF)
    convert(GgufPackage(tmp_path / "a.gguf", source.config), tmp_path / "b.gguf", to=Layout.GGUF)
    first, second = (
        {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / name).tensors}
        for name in ("a.gguf", "b.gguf")
    )
    assert first.keys() == second.keys()
    for name, before in first.items():
        assert before.tensor_type == second[name].tensor_type
        assert np.array_equal(before.data, second[name].data)


@pytest.mark.parametrize("layout", DESTINATIONS)
def test_progress_ends_at_the_whole(tmp_path: Path, source: Source, layout: Layout) -> None:
    told: list[tuple[int, int]] = []
    written = convert(
        source, tmp_path / DESTINATIONS[layout], to=layout, progress=lambda *b: told.append(b)
    )
    assert told[-1] == (written.nbytes, written.nbytes)
    assert all(before[0] < after[0] for before, after in pairwise(told))
    size = sum(path.stat().st_size for path in written.files)
    assert written.nbytes < size < written.nbytes + 40_000


@pytest.mark.parametrize("layout", DESTINATIONS)
def test_nothing_is_written_over(tmp_path: Path, source: Source, layout: Layout) -> None:
    mine = tmp_path / DESTINATIONS[layout]
    mine.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        convert(source, mine, to=layout)
    assert mine.read_text() == "mine"


def test_every_layout_with_files_has_a_writer() -> None:
    assert WRITERS.keys() == set(Layout) - {Layout.SYNTHETIC}


def test_all_layouts_hold_the_same_model(
    tmp_path: Path,
    source: SyntheticCheckpoint,
    read_safetensors: Callable[[Path], dict[str, tuple[str, NDArray[Any]]]],
    read_gguf: Callable[[Path], dict[str, Float32]],
) -> None:
    """One expert's gate, decoded from each layout by other people's code."""
    for layout, name in DESTINATIONS.items():
        convert(source, tmp_path / name, to=layout)
    ours = read_gguf(tmp_path / "m.gguf")["blk.1.ffn_gate_exps.weight"][2]
    for folder, name in (
        ("hf", "model.layers.1.mlp.experts.gate_up_proj_{}"),
        ("openai", "block.1.mlp.mlp1_weight.{}"),
    ):
        stored = read_safetensors(tmp_path / folder)
        blocks = stored[name.format("blocks")][1][2, 0::2]
        scales = stored[name.format("scales")][1][2, 0::2]
        codes = np.stack([blocks & 15, blocks >> 4], axis=-1)
        values = codes.view(ml_dtypes.float4_e2m1fn).astype(np.float32)
        values *= scales.view(ml_dtypes.float8_e8m0fnu).astype(np.float32)[..., None, None]
        assert math.prod(values.shape) == ours.size
        assert np.array_equal(values.reshape(ours.shape), ours)
