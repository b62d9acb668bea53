"""GGUF of gpt-oss: as llama.cpp's converter writes it, whole and split, in every encoding."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize
from numpy.typing import NDArray

from ossia.base.errors import CheckpointError
from ossia.checkpoint import Layout, Source, SyntheticCheckpoint, convert, open_checkpoint
from ossia.checkpoint.write_gguf import gguf_name
from ossia.numerics.arrays import Mxfp4Array, NibbleOrder, Q8Array
from ossia.numerics.dequantize import to_float32

Recode = Callable[[Source, Mapping[str, str]], Source]


class Foreign:
    """Writes the tensors of one of our files again, with the gguf package."""

    KEYS: Mapping[str, tuple[str, Any]] = {
        "block_count": ("uint32", 2),
        "context_length": ("uint32", 131_072),
        "embedding_length": ("uint32", 64),
        "feed_forward_length": ("uint32", 64),
        "expert_count": ("uint32", 3),
        "expert_used_count": ("uint32", 2),
        "attention.head_count": ("uint32", 4),
        "attention.head_count_kv": ("uint32", 2),
        "attention.layer_norm_rms_epsilon": ("float32", 1e-5),
        "rope.freq_base": ("float32", 150_000.0),
        "rope.scaling.type": ("string", "yarn"),
        "rope.scaling.factor": ("float32", 32.0),
        "rope.scaling.original_context_length": ("uint32", 4096),
    }
    """No vocabulary size, head size, window or expert width: they can be told otherwise."""

    def __init__(self, original: Path) -> None:
        self.reader = gguf.GGUFReader(original)

    def write(
        self,
        path: Path,
        *,
        architecture: str = "gpt-oss",
        changes: Mapping[str, tuple[str, Any]] | None = None,
        without: Sequence[str] = (),
        replaced: Mapping[str, NDArray[np.uint8]] = MappingProxyType({}),
        **options: Any,
    ) -> None:
        writer = gguf.GGUFWriter(path, architecture, **options)
        for key, (kind, value) in (self.KEYS | (changes or {})).items():
            if value is not None:
                getattr(writer, f"add_{kind}")(f"gpt-oss.{key}", value)
        for tensor in self.reader.tensors:
            if tensor.name in replaced:
                blocks = replaced[tensor.name]
                writer.add_tensor(tensor.name, blocks, raw_dtype=gguf.GGMLQuantizationType.MXFP4)
            elif tensor.name not in without:
                writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


@pytest.fixture(scope="module")
def foreign(written: Mapping[Layout, Path]) -> Foreign:
    return Foreign(written[Layout.GGUF])


def _equal(source: Source, drawn: SyntheticCheckpoint) -> None:
    assert source.tensors.keys() == drawn.tensors.keys()
    for name in drawn.tensors:
        assert np.array_equal(to_float32(source.read(name)), to_float32(drawn.read(name))), name


def test_keys_that_another_tool_leaves_out(
    foreign: Foreign, tmp_path: Path, drawn: SyntheticCheckpoint
) -> None:
    """The configuration is complete all the same, with numbers as a person wrote them."""
    foreign.write(tmp_path / "m.gguf")
    source = open_checkpoint(tmp_path / "m.gguf")
    _equal(source, drawn)
    assert {key: source.config[key] for key in drawn.config} == drawn.config
    assert source.config["rms_norm_eps"] == 1e-5
    assert source.tokenizer.gguf is None


def test_a_vocabulary_beside_a_file_without_one(
    foreign: Foreign, tmp_path: Path, drawn: SyntheticCheckpoint
) -> None:
    foreign.write(tmp_path / "m.gguf")
    assert drawn.tokenizer.json is not None
    shutil.copy(drawn.tokenizer.json, tmp_path)
    assert open_checkpoint(tmp_path).tokenizer.json == tmp_path / "tokenizer.json"


@pytest.mark.parametrize("encoding", ["Q8_0", "F16", "F32", "BF16"])
def test_every_encoding_as_the_gguf_package_reads_it(
    tmp_path: Path, drawn: SyntheticCheckpoint, recode: Recode, encoding: str
) -> None:
    kinds = (".q", ".k", ".v", ".out", "embedding", "down")
    convert(recode(drawn, dict.fromkeys(kinds, encoding)), tmp_path / "m.gguf", to=Layout.GGUF)
    source = open_checkpoint(tmp_path / "m.gguf")
    theirs = {t.name: t for t in gguf.GGUFReader(tmp_path / "m.gguf").tensors}
    for name, info in source.tensors.items():
        tensor = theirs[gguf_name(name)]
        assert info.encoding == tensor.tensor_type.name
        assert info.nbytes == tensor.n_bytes
        expected = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        assert np.array_equal(to_float32(source.read(name)), expected.reshape(info.shape))
    down = source.read("layers.1.experts.down")
    assert isinstance(down, Q8Array) == (encoding == "Q8_0")
    gate = source.read("layers.1.experts.gate")
    assert isinstance(gate, Mxfp4Array)
    assert gate.nibble_order is NibbleOrder.HALVES


def _split(foreign: Foreign, folder: Path, **options: Any) -> list[Path]:
    folder.mkdir()
    foreign.write(folder / "big.gguf", **options)
    parts = sorted(folder.glob("big-*.gguf"))
    assert len(parts) > 2
    return parts


@pytest.mark.parametrize("is_first_small", [False, True])
def test_any_part_of_a_split_model_opens_all(
    foreign: Foreign, tmp_path: Path, drawn: SyntheticCheckpoint, is_first_small: bool
) -> None:
    """Split by the gguf package; with ``small_first_shard`` the first has no tensors."""
    parts = _split(foreign, tmp_path / "m", split_max_tensors=15, small_first_shard=is_first_small)
    for path in (tmp_path / "m", *parts):
        source = open_checkpoint(path)
        assert source.path == path
        assert source.files == tuple(parts)
        _equal(source, drawn)


def test_a_split_model_that_is_not_whole(foreign: Foreign, tmp_path: Path) -> None:
    parts = _split(foreign, tmp_path / "m", split_max_tensors=15)
    lost = parts[1].rename(tmp_path / "lost.gguf")
    for path in (tmp_path / "m", parts[0], parts[2]):
        with pytest.raises(CheckpointError, match=f"lacks its neighbour {parts[1].name}"):
            open_checkpoint(path)
    shutil.copy(parts[2], parts[1])
    with pytest.raises(CheckpointError, match="says it is part 2 of"):
        open_checkpoint(parts[0])
    shutil.copy(lost, parts[1])
    renamed = shutil.copy(parts[0], tmp_path / "m" / "renamed.gguf")
    with pytest.raises(CheckpointError, match="it must keep its name"):
        open_checkpoint(Path(renamed))


def test_parts_of_two_models(foreign: Foreign, tmp_path: Path) -> None:
    parts = _split(foreign, tmp_path / "m", split_max_tensors=15)
    others = _split(foreign, tmp_path / "n", split_max_tensors=15, without=("output.weight",))
    shutil.copy(others[-1], parts[-1])
    with pytest.raises(CheckpointError, match="its parts hold"):
        open_checkpoint(tmp_path / "m")


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("block_count", ("uint32", 10**9), "num_hidden_layers is 1000000000"),
        ("block_count", ("uint32", 3), r"lacks the tensor blk\.2\.attn_norm\.weight"),
        ("block_count", ("uint32", 1), "do not belong together"),
        ("block_count", ("string", "2"), "num_hidden_layers is '2'"),
        ("block_count", ("array", [1, 2]), r"num_hidden_layers is \[1, 2\]"),
        ("embedding_length", ("uint32", None), "says no hidden_size"),
        ("embedding_length", ("uint32", 96), r"has the shape \[400, 64\]; .* \[400, 96\]"),
        ("feed_forward_length", ("uint32", None), "says no intermediate_size"),
        ("attention.head_count", ("uint32", 0), "num_attention_heads is 0"),
        ("attention.head_count", ("int32", -4), "num_attention_heads is -4"),
        ("attention.head_count", ("float32", 4.0), r"num_attention_heads is 4\.0"),
        ("attention.layer_norm_rms_epsilon", ("float32", float("nan")), "rms_norm_eps is nan"),
        ("rope.freq_base", ("float32", float("inf")), "rope_theta is inf"),
        ("rope.freq_base", ("bool", True), "rope_theta is True"),
        ("rope.scaling.type", ("string", "linear"), "is scaled by 'linear'"),
        ("rope.scaling.factor", ("float32", None), "factor is None"),
        ("rope.scaling.factor", ("string", "x"), "factor is 'x'"),
    ],
)
def test_a_shape_that_no_gpt_oss_has(
    foreign: Foreign, tmp_path: Path, key: str, value: tuple[str, Any], match: str
) -> None:
    foreign.write(tmp_path / "m.gguf", changes={key: value})
    with pytest.raises(CheckpointError, match=match) as caught:
        open_checkpoint(tmp_path / "m.gguf")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["output.weight", "token_embd.weight", "blk.0.attn_q.weight"])
def test_a_missing_tensor(foreign: Foreign, tmp_path: Path, name: str) -> None:
    foreign.write(tmp_path / "m.gguf", without=[name])
    with pytest.raises(CheckpointError, match=f"lacks the tensor {name}"):
        open_checkpoint(tmp_path / "m.gguf")


def test_a_tensor_too_many(foreign: Foreign, tmp_path: Path) -> None:
    foreign.write(tmp_path / "m.gguf", changes={"block_count": ("uint32", 1)})
    with pytest.raises(CheckpointError, match=r"'blk\.1\..*' that a gpt-oss of this config"):
        open_checkpoint(tmp_path / "m.gguf")


def test_another_architecture(foreign: Foreign, tmp_path: Path) -> None:
    foreign.write(tmp_path / "m.gguf", architecture="llama")
    with pytest.raises(CheckpointError, match="a GGUF of architecture 'llama', not gpt-oss"):
        open_checkpoint(tmp_path / "m.gguf")


def test_blocks_where_plain_numbers_must_be(foreign: Foreign, tmp_path: Path) -> None:
    two_blocks = np.zeros(34, np.uint8)  # 64 values, as many as the norm has
    foreign.write(tmp_path / "m.gguf", replaced={"output_norm.weight": two_blocks})
    with pytest.raises(CheckpointError, match=r"output_norm\.weight is MXFP4; ossia reads BF16"):
        open_checkpoint(tmp_path / "m.gguf")
