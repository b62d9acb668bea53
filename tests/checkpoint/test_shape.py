"""What a user may write for a shape, and what no gpt-oss can have."""

import dataclasses

import pytest

from ossia.base.errors import InputError
from ossia.checkpoint.shape import PRESETS, SyntheticShape


def test_released_shapes() -> None:
    for name, layers, experts in (("20b", 24, 32), ("120b", 36, 128)):
        config = SyntheticShape.parse(name).to_config()
        assert (config["num_hidden_layers"], config["num_local_experts"]) == (layers, experts)
        assert config["hidden_size"] == config["intermediate_size"] == 2880
        assert (config["num_attention_heads"], config["num_key_value_heads"]) == (64, 8)
        assert (config["vocab_size"], config["head_dim"]) == (201_088, 64)
        assert config["layer_types"][:2] == ["sliding_attention", "full_attention"]
        assert config["num_experts_per_tok"] == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2x64x4", SyntheticShape(2, 64, 64, 4, 2, 2, 1)),
        ("1x32x1", SyntheticShape(1, 32, 32, 1, 1, 2, 1)),
        ("3x2880x32", SyntheticShape(3, 2880, 2880, 32, 4, 64, 8)),
        ("2x96x5x12", SyntheticShape(2, 96, 96, 5, 3, 12, 1)),
        ("2x96x5x12x3x999", SyntheticShape(2, 96, 96, 5, 3, 12, 3, vocabulary=999)),
        ("tiny", PRESETS["tiny"]),
    ],
)
def test_shapes_that_a_user_writes(text: str, expected: SyntheticShape) -> None:
    assert SyntheticShape.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "21b",
        "2x64",
        "0x64x4",
        "2x65x4",
        "2x-64x4",
        "2x64x4x",
        "2x64x4x5x2",
        "2x64x4x8x2x100x7",
        "2 x 64 x 4",
        "٢x64x4",
        "99999x64x4",
        "2x99999999x4",
        "9" * 5000 + "x64x4",
    ],
)
def test_nonsense_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        SyntheticShape.parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_no_model_has_more_active_experts_than_experts() -> None:
    with pytest.raises(InputError, match="active"):
        dataclasses.replace(PRESETS["tiny"], active=5)
    with pytest.raises(InputError, match="even"):
        dataclasses.replace(PRESETS["tiny"], head_dim=63)
