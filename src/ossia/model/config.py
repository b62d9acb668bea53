"""The shape of a gpt-oss model, read from a configuration in Hugging Face's vocabulary.

Knows what the numbers mean to the forward pass; the files they came from are checkpoint's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ossia.base.errors import CheckpointError


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
        """Reads the keys of a gpt_oss ``config.json``.

        Raises:
            CheckpointError: a key is missing or cannot be what it says.
        """
        try:
            return cls(
                num_layers=int(values["num_hidden_layers"]),
                hidden=int(values["hidden_size"]),
                inter=int(values["intermediate_size"]),
                heads=int(values["num_attention_heads"]),
                kv_heads=int(values["num_key_value_heads"]),
                head_dim=int(values["head_dim"]),
                num_experts=int(values["num_local_experts"]),
                active_experts=int(values["num_experts_per_tok"]),
                vocabulary=int(values["vocab_size"]),
                windows=_windows(values),
                max_context=int(values.get("max_position_embeddings", 131_072)),
                rope=_rope(values),
                norm_eps=float(values.get("rms_norm_eps", 1e-5)),
                swiglu_limit=float(values.get("swiglu_limit", 7.0)),
            )
        except KeyError as error:
            raise CheckpointError(
                f"the model's configuration lacks {error.args[0]!r}; "
                "expected the keys of a gpt_oss config.json"
            ) from None
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"the model's configuration is unusable: {error}") from None


def _windows(values: Mapping[str, Any]) -> tuple[int | None, ...]:
    num_layers = int(values["num_hidden_layers"])
    kinds = values.get("layer_types") or [
        "full_attention" if layer % 2 else "sliding_attention" for layer in range(num_layers)
    ]
    if len(kinds) != num_layers:
        raise ValueError(f"{len(kinds)} layer_types for {num_layers} layers")
    unknown = set(kinds) - {"full_attention", "sliding_attention"}
    if unknown:
        raise ValueError(f"layer_types holds {sorted(map(str, unknown))}")
    window = int(values.get("sliding_window") or 128)
    return tuple(window if kind == "sliding_attention" else None for kind in kinds)


def _rope(values: Mapping[str, Any]) -> Rope:
    scaling = values.get("rope_scaling") or {"factor": 1.0}
    return Rope(
        theta=float(values.get("rope_theta", Rope.theta)),
        factor=float(scaling["factor"]),
        original_context=int(
            scaling.get("original_max_position_embeddings", Rope.original_context)
        ),
        beta_fast=float(scaling.get("beta_fast", Rope.beta_fast)),
        beta_slow=float(scaling.get("beta_slow", Rope.beta_slow)),
        is_truncated=bool(scaling.get("truncate", Rope.is_truncated)),
    )
