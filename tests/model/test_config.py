"""What a configuration means to the forward pass, and which ones no forward pass can do."""

from typing import Any

import pytest

from ossia.base.errors import CheckpointError
from ossia.checkpoint.shape import PRESETS
from ossia.model import Config
from ossia.model.config import Rope


def values(**changes: Any) -> dict[str, Any]:
    """gpt-oss-20b's configuration with some keys changed; ``None`` takes one away."""
    return {k: v for k, v in (PRESETS["20b"].to_config() | changes).items() if v is not None}


def test_gpt_oss_20b_is_read_as_its_model_card_has_it() -> None:
    config = Config.from_mapping(values())
    assert config == Config(
        num_layers=24,
        hidden=2880,
        inter=2880,
        heads=64,
        kv_heads=8,
        head_dim=64,
        num_experts=32,
        active_experts=4,
        vocabulary=201_088,
        windows=(128, None) * 12,
        max_context=131_072,
        rope=Rope(150_000.0, 32.0, 4096, 32.0, 1.0, False),
        norm_eps=1e-5,
        swiglu_limit=7.0,
    )
    assert config.window == 128


def test_what_a_configuration_leaves_out_is_as_in_the_released_models() -> None:
    short = values(
        layer_types=None, rms_norm_eps=None, swiglu_limit=None, max_position_embeddings=None
    )
    assert Config.from_mapping(short) == Config.from_mapping(values())


def test_no_rope_scaling_is_plain_rotary_embedding() -> None:
    assert Config.from_mapping(values(rope_scaling=None)).rope == Rope(150_000.0, factor=1.0)


def test_a_model_without_sliding_layers_has_no_window() -> None:
    config = Config.from_mapping(values(layer_types=["full_attention"] * 24, sliding_window=None))
    assert config.windows == (None,) * 24
    assert config.window is None


SIZES = (
    "num_hidden_layers",
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "num_local_experts",
    "num_experts_per_tok",
    "vocab_size",
)


@pytest.mark.parametrize("key", SIZES)
@pytest.mark.parametrize(
    "bad", [0, -1, 1 << 40, 10**400, 24.5, 24.0, True, "24", [24], {}, float("nan"), float("inf")]
)
def test_a_size_that_is_none_is_refused_by_name(key: str, bad: Any) -> None:
    with pytest.raises(CheckpointError, match=key) as caught:
        Config.from_mapping(values(**{key: bad}))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("key", SIZES)
def test_a_missing_size_is_refused_by_name(key: str) -> None:
    with pytest.raises(CheckpointError, match=key):
        Config.from_mapping(values(**{key: None}))


YARN = values()["rope_scaling"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_key_value_heads": 6}, "64 query heads cannot share 6"),
        ({"num_key_value_heads": 128}, "64 query heads cannot share 128"),
        ({"num_experts_per_tok": 33}, "33 experts cannot be active out of 32"),
        ({"head_dim": 63}, "head_dim must be even"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps"),
        ({"rms_norm_eps": 0}, "rms_norm_eps"),
        ({"rms_norm_eps": -1e-5}, "rms_norm_eps"),
        ({"rms_norm_eps": "1e-5"}, "rms_norm_eps"),
        ({"rope_theta": 1}, "rope_theta"),
        ({"rope_theta": float("inf")}, "rope_theta"),
        ({"swiglu_limit": 0}, "swiglu_limit"),
        ({"swiglu_limit": True}, "swiglu_limit"),
        ({"sliding_window": 0}, "sliding_window"),
        ({"sliding_window": -128}, "sliding_window"),
        ({"max_position_embeddings": 0}, "max_position_embeddings"),
        ({"layer_types": ["full_attention"] * 23}, "layer_types"),
        ({"layer_types": ["full_attention"] * 23 + ["linear_attention"]}, "layer_types"),
        ({"layer_types": "full_attention"}, "layer_types"),
        ({"layer_types": [[]] * 24}, "layer_types"),
        ({"rope_scaling": 32}, "rope_scaling"),
        ({"rope_scaling": YARN | {"factor": 0}}, "factor"),
        ({"rope_scaling": YARN | {"factor": float("nan")}}, "factor"),
        ({"rope_scaling": YARN | {"factor": None}}, "factor"),
        ({"rope_scaling": YARN | {"beta_fast": 0}}, "beta_fast"),
        ({"rope_scaling": YARN | {"truncate": "no"}}, "truncate"),
        ({"rope_scaling": YARN | {"original_max_position_embeddings": 0}}, "original_max"),
        ({"attention_bias": False}, "attention_bias"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings"),
    ],
)
def test_what_no_forward_pass_of_gpt_oss_can_do_is_refused(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(CheckpointError, match=words):
        Config.from_mapping(values(**changes))


@pytest.mark.parametrize("shape", PRESETS)
def test_every_synthetic_shape_is_a_configuration(shape: str) -> None:
    config = Config.from_mapping(PRESETS[shape].to_config())
    assert len(config.windows) == config.num_layers == PRESETS[shape].layers
