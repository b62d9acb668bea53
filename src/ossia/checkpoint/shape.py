"""The shape of a synthetic gpt-oss: presets, and the words a user writes for one.

Knows sizes only; what the tensors hold is ``synthetic``'s.
"""

import re
from dataclasses import dataclass
from typing import Any

from ossia.base.errors import InputError
from ossia.numerics.arrays import BLOCK_SIZE

_NUMBERS = re.compile(r"[1-9]\d{0,8}(x[1-9]\d{0,8}){2,5}")
_LARGEST = {
    "layers": 1024,
    "hidden": 1 << 16,
    "experts": 4096,
    "heads": 1024,
    "vocabulary": 1 << 24,
}


@dataclass(frozen=True)
class SyntheticShape:
    """Sizes of a gpt-oss whose weights are drawn at random.

    The grammar of ``parse``::

        20b | 120b | tiny | LAYERSxHIDDENxEXPERTS[xHEADS[xKV_HEADS[xVOCABULARY]]]

    Sizes that are not written: head_dim 64; heads the largest power of two not above hidden / 32
    (at least 2); one key/value head for 8 query heads (at least 1); 4 active experts, but not more
    than half of them; intermediate as hidden; 2,048 tokens of vocabulary.

    Raises:
        InputError: on construction, when no gpt-oss can have these sizes.
    """

    layers: int
    hidden: int
    intermediate: int
    experts: int
    active: int
    heads: int
    kv_heads: int
    head_dim: int = 64
    vocabulary: int = 2048
    window: int = 128

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if size < 1:
                raise InputError(f"a model's {name} must be at least 1, not {size}")
            if size > _LARGEST.get(name, 1 << 24):
                raise InputError(f"a model's {name} can be at most {_LARGEST[name]}, not {size}")
        for name in ("hidden", "intermediate"):
            if getattr(self, name) % BLOCK_SIZE:
                raise InputError(
                    f"a model's {name} must be a multiple of {BLOCK_SIZE} (the block of MXFP4), "
                    f"not {getattr(self, name)}"
                )
        if self.heads % self.kv_heads:
            raise InputError(
                f"{self.heads} query heads cannot share {self.kv_heads} key/value heads evenly; "
                "give a number of heads that is a multiple of the key/value heads"
            )
        if self.active > self.experts:
            raise InputError(f"{self.active} experts cannot be active out of {self.experts}")
        if self.head_dim % 2:
            raise InputError(f"head_dim must be even (rotary embedding), not {self.head_dim}")

    @classmethod
    def parse(cls, text: str) -> "SyntheticShape":
        """The shape that a user wrote (grammar above).

        Raises:
            InputError: the text is neither a preset nor sizes that a gpt-oss can have.
        """
        if text in PRESETS:
            return PRESETS[text]
        if not _NUMBERS.fullmatch(text):
            raise InputError(
                f"no shape {text!r:.40}; expected {', '.join(PRESETS)} or "
                "LAYERSxHIDDENxEXPERTS[xHEADS[xKV_HEADS[xVOCABULARY]]], such as 2x64x4"
            )
        layers, hidden, experts, *rest = (int(number) for number in text.split("x"))
        heads = rest[0] if rest else max(2, 1 << max(1, hidden // 32).bit_length() - 1)
        kv_heads = rest[1] if len(rest) > 1 else max(1, heads // 8)
        vocabulary = rest[2] if len(rest) > 2 else 2048
        active = min(4, -(-experts // 2))
        return cls(layers, hidden, hidden, experts, active, heads, kv_heads, vocabulary=vocabulary)

    def to_config(self) -> dict[str, Any]:
        """The shape in the vocabulary of a released gpt-oss's config.json."""
        kinds = ("sliding_attention", "full_attention")
        return {
            "model_type": "gpt_oss",
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "num_local_experts": self.experts,
            "num_experts_per_tok": self.active,
            "vocab_size": self.vocabulary,
            "sliding_window": self.window,
            "layer_types": [kinds[layer % 2] for layer in range(self.layers)],
            "rms_norm_eps": 1e-5,
            "rope_theta": 150_000,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": 32.0,
                "original_max_position_embeddings": 4096,
                "beta_fast": 32.0,
                "beta_slow": 1.0,
                "truncate": False,
            },
            "max_position_embeddings": 131_072,
            "swiglu_limit": 7.0,
        }


PRESETS = {
    "20b": SyntheticShape(24, 2880, 2880, 32, 4, 64, 8, vocabulary=201_088),
    "120b": SyntheticShape(36, 2880, 2880, 128, 4, 64, 8, vocabulary=201_088),
    "tiny": SyntheticShape(2, 64, 64, 4, 2, 4, 2),
}
"""Shapes with a name: the two released models, and one for tests."""
