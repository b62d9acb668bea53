"""OpenAI's layout: fused, in its own words, with a vocabulary that lies elsewhere."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from ossia.base.errors import CheckpointError
from ossia.checkpoint import Layout, Source, SyntheticCheckpoint, convert, open_checkpoint
from ossia.checkpoint.read_openai import openai_config
from ossia.checkpoint.shape import PRESETS
from ossia.numerics.arrays import Mxfp4Array
from ossia.numerics.dequantize import to_float32

ReadSafetensors = Callable[[Path], dict[str, tuple[str, NDArray[Any]]]]
Recode = Callable[[Source, Mapping[str, str]], Source]

RELEASED = {
    "num_hidden_layers": 24,
    "num_experts": 32,
    "experts_per_token": 4,
    "vocab_size": 201088,
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "swiglu_limit": 7.0,
    "head_dim": 64,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "sliding_window": 128,
    "initial_context_length": 4096,
    "rope_theta": 150000,
    "rope_scaling_factor": 32.0,
    "rope_ntk_alpha": 1,
    "rope_ntk_beta": 32,
}
"""original/config.json of openai/gpt-oss-20b."""


def test_the_released_configuration_in_the_one_vocabulary() -> None:
    assert openai_config(RELEASED, "config.json") == PRESETS["20b"].to_config()


def test_a_context_that_was_not_stretched() -> None:
    config = openai_config(RELEASED | {"rope_scaling_factor": 1.0}, "config.json")
    assert config["rope_scaling"] is None
    assert config["max_position_embeddings"] == 4096


def test_fused_tensors_are_taken_apart_without_a_copy(
    written: Mapping[Layout, Path], read_safetensors: ReadSafetensors
) -> None:
    source = open_checkpoint(written[Layout.OPENAI])
    stored = read_safetensors(written[Layout.OPENAI])
    q, k, v = (source.read(f"layers.1.attention.{kind}") for kind in "qkv")
    assert np.array_equal(np.concatenate([q, k, v]), stored["block.1.attn.qkv.weight"][1])
    assert (q.shape, k.shape, v.shape) == ((256, 64), (128, 64), (128, 64))
    up = source.read("layers.0.experts.up")
    assert isinstance(up, Mxfp4Array)
    assert np.array_equal(up.blocks, stored["block.0.mlp.mlp1_weight.blocks"][1][:, 1::2])
    assert np.array_equal(up.scales, stored["block.0.mlp.mlp1_weight.scales"][1][:, 1::2])
    down_bias = source.read("layers.0.experts.down_bias")
    assert np.array_equal(down_bias, stored["block.0.mlp.mlp2_bias"][1])


def test_experts_of_plain_numbers(
    tmp_path: Path, drawn: SyntheticCheckpoint, recode: Recode
) -> None:
    plain = recode(drawn, dict.fromkeys(("gate", "up", "down"), "BF16"))
    convert(plain, tmp_path / "openai", to=Layout.OPENAI)
    source = open_checkpoint(tmp_path / "openai")
    for name in drawn.tensors:
        array = source.read(name)
        assert isinstance(array, np.ndarray)
        assert not array.flags.owndata
        assert np.array_equal(to_float32(array), to_float32(plain.read(name)))


def _split(folder: Path, names: list[str]) -> dict[str, str]:
    """Deal model.safetensors to several files with the safetensors package."""
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    weight_map = {}
    for number, name in enumerate(names):
        part = dict(list(tensors.items())[number :: len(names)])
        safetensors.numpy.save_file(part, folder / name)
        weight_map |= dict.fromkeys(part, name)
    (folder / "model.safetensors").unlink()
    return weight_map


def test_the_shards_of_120b_have_names_of_their_own(
    written: Mapping[Layout, Path], tmp_path: Path, drawn: SyntheticCheckpoint
) -> None:
    """openai/gpt-oss-120b, original/: model--00001-of-00007.safetensors, two dashes."""
    folder = shutil.copytree(written[Layout.OPENAI], tmp_path / "openai")
    names = [f"model--0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
    weight_map = _split(folder, names)
    for has_index in (False, True):
        if has_index:
            index = {"metadata": {}, "weight_map": weight_map}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        source = open_checkpoint(folder)
        assert [path.name for path in source.files] == names
        for name in drawn.tensors:
            assert np.array_equal(to_float32(source.read(name)), to_float32(drawn.read(name)))
    (folder / names[2]).unlink()
    with pytest.raises(CheckpointError, match=f"lacks '{names[2]}'"):
        open_checkpoint(folder)


def test_the_vocabulary_of_the_folder_above(written: Mapping[Layout, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(written[Layout.OPENAI], tmp_path / "original")
    own = folder / "tokenizer.json"
    assert open_checkpoint(folder).tokenizer.json == own
    own.rename(tmp_path / "tokenizer.json")
    assert open_checkpoint(folder).tokenizer.json == tmp_path / "tokenizer.json"
    (folder / "o200k_base.tiktoken").write_bytes(b"IQ== 0\n")
    assert open_checkpoint(folder).tokenizer.ranks == folder / "o200k_base.tiktoken"


def test_a_missing_part(written: Mapping[Layout, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(written[Layout.OPENAI], tmp_path / "openai")
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    del tensors["block.1.mlp.mlp2_weight.scales"]
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"lacks the tensor block\.1\.mlp\.mlp2_weight\.sca"):
        open_checkpoint(folder)
