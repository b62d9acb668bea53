"""GGUF: every tensor and key as the gguf package reads them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from ossia.base.errors import InputError
from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import Source, TokenizerFiles
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.checkpoint.write_gguf import NAMES, TYPES, write_gguf
from ossia.numerics.arrays import Float32
from ossia.numerics.dequantize import to_float32

ReadGguf = Callable[[Path], dict[str, Float32]]
Recode = Callable[[Source, Mapping[str, str]], Source]
SHAPE = SyntheticShape.parse("2x64x3x4x2x400")


@pytest.fixture
def source(byte_tokenizer: TokenizerFiles) -> SyntheticCheckpoint:
    return SyntheticCheckpoint(SHAPE, 5, byte_tokenizer)


def _theirs(name: str) -> str:
    if not name.startswith("layers."):
        return NAMES[name]
    _, layer, kind = name.split(".", 2)
    return f"blk.{layer}.{NAMES[kind]}"


def test_every_tensor_keeps_its_values(
    tmp_path: Path, source: SyntheticCheckpoint, read_gguf: ReadGguf
) -> None:
    told: list[tuple[int, int]] = []
    written = write_gguf(source, tmp_path / "m.gguf", progress=lambda *both: told.append(both))
    found = read_gguf(tmp_path / "m.gguf")
    assert found.keys() == {_theirs(name) for name in source.tensors}
    for name in source.tensors:
        assert np.array_equal(found[_theirs(name)], to_float32(source.read(name))), name
    assert told[-1] == (written.nbytes, written.nbytes)


@pytest.mark.parametrize("encoding", ["F32", "F16", "BF16", "Q8_0"])
def test_other_encodings_stay_as_they_are(
    tmp_path: Path, source: Source, recode: Recode, read_gguf: ReadGguf, encoding: str
) -> None:
    kinds = ("gate", "up", "down", ".q", ".k", ".v", ".out", "embedding")
    recoded = recode(source, {**dict.fromkeys(kinds, encoding), "up": "F32"})
    write_gguf(recoded, tmp_path / "m.gguf")
    found = read_gguf(tmp_path / "m.gguf")
    for name in recoded.tensors:
        assert np.array_equal(found[_theirs(name)], to_float32(recoded.read(name))), name
    types = {t.name: t.tensor_type.name for t in gguf.GGUFReader(tmp_path / "m.gguf").tensors}
    assert types["blk.0.ffn_down_exps.weight"] == types["token_embd.weight"] == encoding
    assert types["blk.0.ffn_up_exps.weight"] == "F32"


def test_types_and_names_are_those_of_ggml(tmp_path: Path, source: Source) -> None:
    for encoding, number in TYPES.items():
        assert gguf.GGMLQuantizationType[encoding] == number
    write_gguf(source, tmp_path / "m.gguf")
    architecture = gguf.MODEL_ARCH.GPT_OSS
    patterns = {gguf.TENSOR_NAMES[kind] for kind in gguf.MODEL_TENSORS[architecture]}
    for tensor in gguf.GGUFReader(tmp_path / "m.gguf").tensors:
        head, _, _ = tensor.name.rpartition(".")
        assert head.replace("blk.1", "blk.{bid}").replace("blk.0", "blk.{bid}") in patterns
        is_matrix = len(tensor.shape) > 1 and "bias" not in tensor.name
        if "exps.weight" in tensor.name:
            assert tensor.tensor_type.name == "MXFP4"
        elif is_matrix and "ffn_gate_inp" not in tensor.name:
            assert tensor.tensor_type.name == "BF16"
        else:
            assert tensor.tensor_type.name == "F32"
        assert tensor.data_offset % 32 == 0


def _metadata(path: Path) -> dict[str, Any]:
    return {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items()}


def test_metadata_is_what_llama_cpp_asks_for(tmp_path: Path, source: Source) -> None:
    write_gguf(source, tmp_path / "m.gguf")
    found = _metadata(tmp_path / "m.gguf")
    keys, arch = gguf.Keys, "gpt-oss"
    expected = {
        keys.General.ARCHITECTURE: arch,
        keys.LLM.BLOCK_COUNT: 2,
        keys.LLM.CONTEXT_LENGTH: 131_072,
        keys.LLM.EMBEDDING_LENGTH: 64,
        keys.LLM.FEED_FORWARD_LENGTH: 64,
        keys.LLM.EXPERT_FEED_FORWARD_LENGTH: 64,
        keys.LLM.EXPERT_COUNT: 3,
        keys.LLM.EXPERT_USED_COUNT: 2,
        keys.LLM.VOCAB_SIZE: 400,
        keys.Attention.HEAD_COUNT: 4,
        keys.Attention.HEAD_COUNT_KV: 2,
        keys.Attention.KEY_LENGTH: 64,
        keys.Attention.VALUE_LENGTH: 64,
        keys.Attention.SLIDING_WINDOW: 128,
        keys.Attention.LAYERNORM_RMS_EPS: pytest.approx(1e-5),
        keys.Rope.FREQ_BASE: 150_000.0,
        keys.Rope.SCALING_TYPE: "yarn",
        keys.Rope.SCALING_FACTOR: 32.0,
        keys.Rope.SCALING_ORIG_CTX_LEN: 4096,
        keys.General.FILE_TYPE: gguf.LlamaFileType.MOSTLY_MXFP4_MOE,
    }
    assert {key: found[key.format(arch=arch)] for key in expected} == expected


def test_the_vocabulary_fills_the_embedding(tmp_path: Path, source: Source) -> None:
    write_gguf(source, tmp_path / "m.gguf")
    found = _metadata(tmp_path / "m.gguf")
    tokens, types = found["tokenizer.ggml.tokens"], found["tokenizer.ggml.token_type"]
    assert len(tokens) == len(types) == 400
    assert tokens[256:260] == ["he", "<|return|>", "<|endoftext|>", "<|call|>"]
    assert types[256:261] == [1, 3, 3, 3, 5]
    assert found["tokenizer.ggml.merges"] == ["h e"]
    assert found["tokenizer.ggml.eos_token_id"] == 257
    assert found["tokenizer.ggml.padding_token_id"] == 258
    assert found["tokenizer.chat_template"] == source.tokenizer.chat_template
    assert source.tokenizer.json is not None
    assert found["tokenizer.huggingface.json"] == source.tokenizer.json.read_text("utf-8")


def test_two_runs_give_the_same_bytes(tmp_path: Path, source: Source) -> None:
    write_gguf(source, tmp_path / "first.gguf")
    write_gguf(source, tmp_path / "second.gguf")
    assert (tmp_path / "first.gguf").read_bytes() == (tmp_path / "second.gguf").read_bytes()


def test_what_gguf_cannot_say_is_refused(tmp_path: Path, source: Source, recode: Recode) -> None:
    for change in ({"sliding_window": None}, {"swiglu_limit": 5.0}):
        unusual = recode(source, {})
        unusual.config = {**source.config, **change}  # type: ignore[misc]
        with pytest.raises(InputError, match="hf"):
            write_gguf(unusual, tmp_path / "m.gguf")
    assert not list(tmp_path.iterdir())
