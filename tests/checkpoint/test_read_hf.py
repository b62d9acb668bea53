"""Hugging Face's layout: as released, as fine-tuned, as transformers writes it today."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ossia.base.errors import CheckpointError
from ossia.checkpoint import Layout, Source, SyntheticCheckpoint, convert, open_checkpoint
from ossia.checkpoint import write_safetensors as writer
from ossia.checkpoint.read_hf import hf_config
from ossia.checkpoint.shape import PRESETS
from ossia.model import Config
from ossia.numerics.arrays import Mxfp4Array
from ossia.numerics.dequantize import to_float32

ReadSafetensors = Callable[[Path], dict[str, tuple[str, NDArray[Any]]]]
Recode = Callable[[Source, Mapping[str, str]], Source]

RELEASED = {
    "architectures": ["GptOssForCausalLM"],
    "attention_bias": True,
    "attention_dropout": 0.0,
    "eos_token_id": 200002,
    "experts_per_token": 4,
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 2880,
    "initial_context_length": 4096,
    "initializer_range": 0.02,
    "intermediate_size": 2880,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
    "max_position_embeddings": 131072,
    "model_type": "gpt_oss",
    "num_attention_heads": 64,
    "num_experts_per_tok": 4,
    "num_hidden_layers": 24,
    "num_key_value_heads": 8,
    "num_local_experts": 32,
    "output_router_logits": False,
    "pad_token_id": 199999,
    "quantization_config": {
        "modules_to_not_convert": [
            "model.layers.*.self_attn",
            "model.layers.*.mlp.router",
            "model.embed_tokens",
            "lm_head",
        ],
        "quant_method": "mxfp4",
    },
    "rms_norm_eps": 1e-05,
    "rope_scaling": {
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "factor": 32.0,
        "original_max_position_embeddings": 4096,
        "rope_type": "yarn",
        "truncate": False,
    },
    "rope_theta": 150000,
    "router_aux_loss_coef": 0.9,
    "sliding_window": 128,
    "swiglu_limit": 7.0,
    "tie_word_embeddings": False,
    "transformers_version": "4.55.0.dev0",
    "use_cache": True,
    "vocab_size": 201088,
}
"""config.json of openai/gpt-oss-20b."""


def test_the_released_configuration_is_taken_as_it_is() -> None:
    config = hf_config(RELEASED, "config.json")
    assert config == RELEASED
    assert PRESETS["20b"].to_config().items() <= config.items()


def test_transformers_5_says_the_same_in_other_words() -> None:
    new = {key: value for key, value in RELEASED.items() if not key.startswith("rope")}
    new["rope_parameters"] = RELEASED["rope_scaling"] | {"rope_theta": 150000}
    assert hf_config(new, "config.json") == RELEASED


def test_plain_rotary_embedding() -> None:
    for plain in (
        {"rope_scaling": None},
        {"rope_scaling": None, "rope_parameters": {"rope_type": "default", "rope_theta": 150000}},
    ):
        config = hf_config(RELEASED | plain, "config.json")
        assert config["rope_scaling"] is None
        assert Config.from_mapping(config).rope.factor == 1


def test_what_is_not_said_means_what_transformers_takes_it_for() -> None:
    """YaRN's bounds are rounded unless the file says otherwise; windows alternate."""
    sparse = {key: value for key, value in RELEASED.items() if key != "layer_types"}
    sparse["rope_scaling"] = {"type": "yarn", "factor": 8.0}
    config = hf_config(sparse, "config.json")
    assert config["layer_types"] == RELEASED["layer_types"]
    assert config["rope_scaling"] == {
        "rope_type": "yarn",
        "factor": 8.0,
        "original_max_position_embeddings": 131072,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "truncate": True,
    }


def test_bytes_are_those_of_the_safetensors_package(
    written: Mapping[Layout, Path], read_safetensors: ReadSafetensors
) -> None:
    source = open_checkpoint(written[Layout.HF])
    stored = read_safetensors(written[Layout.HF])
    for kind, turn in (("gate", 0), ("up", 1)):
        array = source.read(f"layers.1.experts.{kind}")
        assert isinstance(array, Mxfp4Array)
        fused = "model.layers.1.mlp.experts.gate_up_proj"
        assert np.array_equal(array.blocks, stored[f"{fused}_blocks"][1][:, turn::2])
        assert np.array_equal(array.scales, stored[f"{fused}_scales"][1][:, turn::2])
        bias = source.read(f"layers.1.experts.{kind}_bias")
        assert np.array_equal(bias, stored[f"{fused}_bias"][1][:, turn::2])
    for ours, theirs in (
        ("embedding", "model.embed_tokens.weight"),
        ("layers.0.attention.k", "model.layers.0.self_attn.k_proj.weight"),
        ("layers.1.experts.router_bias", "model.layers.1.mlp.router.bias"),
        ("unembedding", "lm_head.weight"),
    ):
        assert np.array_equal(source.read(ours), stored[theirs][1])


@pytest.mark.parametrize("encoding", ["BF16", "F16", "F32"])
def test_experts_of_plain_numbers_are_views_too(
    tmp_path: Path, drawn: SyntheticCheckpoint, recode: Recode, encoding: str
) -> None:
    """As a fine-tuned checkpoint has them: transposed, gate and up along the last axis."""
    plain = recode(drawn, dict.fromkeys(("gate", "up", "down"), encoding))
    convert(plain, tmp_path / "hf", to=Layout.HF)
    source = open_checkpoint(tmp_path / "hf")
    for kind in ("gate", "up", "down"):
        array = source.read(f"layers.1.experts.{kind}")
        assert isinstance(array, np.ndarray)
        assert not array.flags.owndata
        ours, theirs = to_float32(array), to_float32(plain.read(f"layers.1.experts.{kind}"))
        assert np.array_equal(ours, theirs)


def _write_shards(
    drawn: SyntheticCheckpoint, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SHARD_BYTES", 100_000)
    convert(drawn, folder, to=Layout.HF)


def test_shards_by_their_index_or_by_their_names(
    tmp_path: Path, drawn: SyntheticCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "hf"
    _write_shards(drawn, folder, monkeypatch)
    shards = tuple(sorted(folder.glob("*.safetensors")))
    assert len(shards) > 2
    index = folder / "model.safetensors.index.json"
    for path in (folder, index, shards[1]):
        source = open_checkpoint(path)
        assert source.files == shards
        for name in drawn.tensors:
            assert np.array_equal(to_float32(source.read(name)), to_float32(drawn.read(name)))
    index.unlink()
    for path in (folder, shards[1]):
        assert open_checkpoint(path).files == shards
    shards[1].unlink()
    with pytest.raises(CheckpointError, match=f"lacks '{shards[1].name}'; download that file"):
        open_checkpoint(folder)


def test_shards_and_index_must_belong_together(
    tmp_path: Path, drawn: SyntheticCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "hf"
    _write_shards(drawn, folder, monkeypatch)
    index = folder / "model.safetensors.index.json"
    document = json.loads(index.read_text())
    names = sorted(set(document["weight_map"].values()))
    document["weight_map"]["lm_head.weight"] = names[0]
    index.write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match=r"lacks the tensor 'lm_head\.weight'"):
        open_checkpoint(folder)
    index.unlink()
    shutil.copy(folder / names[0], folder / names[1])
    with pytest.raises(CheckpointError, match="stands twice"):
        open_checkpoint(folder)
    shutil.copy(folder / names[0], folder / "other-00001-of-00001.safetensors")
    with pytest.raises(CheckpointError, match="shards of 2 models"):
        open_checkpoint(folder)


def _rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A model.safetensors whose header is changed and whose data are as they were."""
    path = folder / "model.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("lm_head.weight", {"dtype": "I16"}, "lm_head.weight is I16; ossia reads BF16, F16, F32"),
        ("lm_head.weight", {"shape": [64, 400]}, r"has the shape \[64, 400\]; .* be \[400, 64\]"),
        ("lm_head.weight", {"shape": [400 * 64]}, r"has the shape \[25600\]"),
        ("model.norm.weight", {"shape": [1, 64]}, r"has the shape \[1, 64\]; .* be \[64\]"),
        (
            "model.layers.0.mlp.experts.gate_up_proj_blocks",
            {"dtype": "I8"},
            "_blocks is I8; ossia reads U8",
        ),
        (
            "model.layers.0.mlp.experts.down_proj_scales",
            {"shape": [2, 64, 3]},
            r"has the shape \[2, 64, 3\]; .* must be \[3, 64, 2\]",
        ),
    ],
)
def test_a_tensor_that_is_not_as_configured(
    written: Mapping[Layout, Path], tmp_path: Path, name: str, change: dict[str, Any], match: str
) -> None:
    folder = shutil.copytree(written[Layout.HF], tmp_path / "hf")
    _rewrite(folder, lambda header: header[name].update(change))
    with pytest.raises(CheckpointError, match=match):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    "name",
    [
        "lm_head.weight",
        "model.layers.1.self_attn.sinks",
        "model.layers.0.mlp.experts.gate_up_proj_blocks",
        "model.layers.0.mlp.experts.gate_up_proj_scales",
        "model.layers.0.mlp.experts.down_proj_bias",
    ],
)
def test_a_missing_and_a_strange_tensor(
    written: Mapping[Layout, Path], tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(written[Layout.HF], tmp_path / "hf")

    def rename(header: dict[str, Any]) -> None:
        header["strange"] = header.pop(name)

    _rewrite(folder, rename)
    with pytest.raises(CheckpointError, match=f"lacks the tensor {name.removesuffix('_blocks')}"):
        open_checkpoint(folder)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("dtype", "encoding"), [("float32", "F32"), ("bfloat16", "BF16"), ("float16", "F16")]
)
@pytest.mark.parametrize("shard_size", ["10GB", "100KB"])
def test_what_transformers_writes(
    tmp_path: Path, dtype: str, encoding: str, shard_size: str
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = transformers.GptOssConfig(
        num_hidden_layers=3,
        hidden_size=48,  # no multiple of a block
        intermediate_size=40,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=16,
        num_local_experts=5,
        num_experts_per_tok=2,
        vocab_size=301,
        eos_token_id=0,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    model = transformers.GptOssForCausalLM._from_config(config, dtype=getattr(torch, dtype))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    model.save_pretrained(tmp_path, max_shard_size=shard_size)
    source = open_checkpoint(tmp_path)
    assert (len(source.files) > 1) == (shard_size == "100KB")
    assert {info.encoding for info in source.tensors.values()} == {encoding}
    theirs = {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}
    for layer in range(3):
        experts = f"model.layers.{layer}.mlp.experts."
        for kind, turn in (("gate", 0), ("up", 1)):
            stored = theirs[f"{experts}gate_up_proj"][..., turn::2].transpose(0, 2, 1)
            ours = to_float32(source.read(f"layers.{layer}.experts.{kind}"))
            assert np.array_equal(ours, stored)
        down = to_float32(source.read(f"layers.{layer}.experts.down"))
        assert np.array_equal(down, theirs[f"{experts}down_proj"].transpose(0, 2, 1))
        sinks = to_float32(source.read(f"layers.{layer}.attention.sinks"))
        assert np.array_equal(sinks, theirs[f"model.layers.{layer}.self_attn.sinks"])
    assert np.array_equal(to_float32(source.read("unembedding")), theirs["lm_head.weight"])
    assert Config.from_mapping(source.config).rope == Config.from_mapping(RELEASED).rope
