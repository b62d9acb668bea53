"""The shape of a gpt-oss model, read from a configuration in Hugging Face's vocabulary.

Knows what the numbers mean to the forward pass; the files they came from are checkpoint's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ossia.checkpoint.configuration import complete


@dataclass(frozen=True)
class Rope:
    """Rotary embedding with YaRN (arXiv:2309.00071).

    Attributes:
        theta: base of the frequencies.
        factor: how many times the context was stretched; 1 is plain RoPE.
        original_context: tokens of context before stretching.
        beta_fast, beta_slow: rotations within the original context between which frequencies
            blend from untouched to stretched.
        is_truncated: whether the blend's bounds are rounded to whole dimensions (gpt-oss: no).
    """

    theta: float = 150_000.0
    factor: float = 32.0
    original_context: int = 4096
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    is_truncated: bool = False


@dataclass(frozen=True)
class Config:
    """Sizes and constants of one model (gpt-oss model card, arXiv:2508.10925).

    Attributes:
        windows: for each layer the number of tokens it sees, or None for all of them.
        max_context: tokens that the model was made for.
    """

    num_layers: int
    hidden: int
    inter: int
    heads: int
    kv_heads: int
    head_dim: int
    num_experts: int
    active_experts: int
    vocabulary: int
    windows: tuple[int | None, ...]
    max_context: int
    rope: Rope
    norm_eps: float = 1e-5
    swiglu_limit: float = 7.0

    @property
    def window(self) -> int | None:
        """The sliding layers' window, or None when no layer slides."""
        return next((window for window in self.windows if window is not None), None)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Config":
        """Reads the keys of a gpt_oss ``config.json``, such as ``Source.config``.

        Raises:
            CheckpointError: a key is missing, or its value is one that no gpt-oss can have.
        """
        config = complete(values, "the model's configuration")
        window = config["sliding_window"]
        return cls(
            num_layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            inter=config["intermediate_size"],
            heads=config["num_attention_heads"],
            kv_heads=config["num_key_value_heads"],
            head_dim=config["head_dim"],
            num_experts=config["num_local_experts"],
            active_experts=config["num_experts_per_tok"],
            vocabulary=config["vocab_size"],
            windows=tuple(
                window if kind == "sliding_attention" else None for kind in config["layer_types"]
            ),
            max_context=config["max_position_embeddings"],
            rope=_rope(config),
            norm_eps=float(config["rms_norm_eps"]),
            swiglu_limit=float(config["swiglu_limit"]),
        )


def _rope(config: Mapping[str, Any]) -> Rope:
    theta, scaling = float(config["rope_theta"]), config["rope_scaling"]
    if scaling is None:
        return Rope(theta, factor=1.0)
    return Rope(
        theta=theta,
        factor=float(scaling["factor"]),
        original_context=scaling["original_max_position_embeddings"],
        beta_fast=float(scaling["beta_fast"]),
        beta_slow=float(scaling["beta_slow"]),
        is_truncated=scaling["truncate"],
    )
