"""OpenAI's layout: qkv and gate/up fused, a short configuration of its own."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ossia.base.errors import InputError
from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import Source, TokenizerFiles
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.checkpoint.write_hf import write_hf
from ossia.checkpoint.write_openai import write_openai

ReadSafetensors = Callable[[Path], dict[str, tuple[str, NDArray[Any]]]]
Recode = Callable[[Source, Mapping[str, str]], Source]
SHAPE = SyntheticShape.parse("2x64x3x4x2x400")


@pytest.fixture
def source(byte_tokenizer: TokenizerFiles) -> SyntheticCheckpoint:
    return SyntheticCheckpoint(SHAPE, 5, byte_tokenizer)


def test_tensors_are_fused_as_released(
    tmp_path: Path, source: SyntheticCheckpoint, read_safetensors: ReadSafetensors
) -> None:
    write_openai(source, tmp_path / "model")
    stored = read_safetensors(tmp_path / "model")
    qkv = stored["block.1.attn.qkv.weight"][1]
    assert qkv.shape == ((4 + 2 + 2) * 64, 64)
    parts = [source.read(f"layers.1.attention.{kind}") for kind in "qkv"]
    assert np.array_equal(qkv, np.concatenate(parts))
    biases = [source.read(f"layers.1.attention.{kind}_bias") for kind in "qkv"]
    assert np.array_equal(stored["block.1.attn.qkv.bias"][1], np.concatenate(biases))
    assert np.array_equal(stored["block.0.attn.sinks"][1], source.read("layers.0.attention.sinks"))
    router = stored["block.0.mlp.gate.weight"][1]
    assert np.array_equal(router, source.read("layers.0.experts.router"))
    assert np.array_equal(stored["norm.scale"][1], source.read("norm"))
    assert np.array_equal(stored["unembedding.weight"][1], source.read("unembedding"))


def test_experts_are_those_of_the_other_layout(
    tmp_path: Path, source: SyntheticCheckpoint, read_safetensors: ReadSafetensors
) -> None:
    """The two released layouts hold the same bytes of experts under other names."""
    write_openai(source, tmp_path / "openai")
    write_hf(source, tmp_path / "hf")
    openai, hf = read_safetensors(tmp_path / "openai"), read_safetensors(tmp_path / "hf")
    assert sum(a.nbytes for _, a in openai.values()) == sum(a.nbytes for _, a in hf.values())
    for theirs, ours in (("mlp1", "gate_up_proj"), ("mlp2", "down_proj")):
        for suffix in ("blocks", "scales"):
            first = openai[f"block.1.mlp.{theirs}_weight.{suffix}"][1]
            second = hf[f"model.layers.1.mlp.experts.{ours}_{suffix}"][1]
            assert np.array_equal(first, second)
        first = openai[f"block.1.mlp.{theirs}_bias"][1]
        assert np.array_equal(first, hf[f"model.layers.1.mlp.experts.{ours}_bias"][1])


def test_experts_of_plain_numbers_are_not_transposed(
    tmp_path: Path, source: Source, recode: Recode, read_safetensors: ReadSafetensors
) -> None:
    plain = recode(source, {"experts.gate": "BF16", "experts.up": "BF16", "experts.down": "BF16"})
    write_openai(plain, tmp_path / "model")
    stored = read_safetensors(tmp_path / "model")["block.0.mlp.mlp1_weight"][1]
    assert stored.shape == (3, 128, 64)
    assert np.array_equal(stored[2, 1::2], plain.read("layers.0.experts.up", 2))


def test_configuration_in_its_own_words(tmp_path: Path, source: Source) -> None:
    write_openai(source, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (config["num_experts"], config["experts_per_token"]) == (3, 2)
    assert (config["initial_context_length"], config["rope_scaling_factor"]) == (4096, 32.0)
    assert (config["rope_ntk_alpha"], config["rope_ntk_beta"]) == (1.0, 32.0)
    assert "model_type" not in config
    assert (tmp_path / "model" / "tokenizer.json").is_file()


def test_a_model_that_it_cannot_describe_is_refused(
    tmp_path: Path, source: Source, recode: Recode
) -> None:
    unusual = recode(source, {})
    unusual.config = {**source.config, "rms_norm_eps": 1e-6}  # type: ignore[misc]
    with pytest.raises(InputError, match="rms_norm_eps"):
        write_openai(unusual, tmp_path / "model")
    assert not list(tmp_path.iterdir())
