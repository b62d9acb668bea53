"""What every released gpt-oss has in common, which the shorter layouts therefore do not say."""

import math
from collections.abc import Mapping
from typing import Any

from ossia.base.errors import InputError

_KINDS = ("sliding_attention", "full_attention")


def check_fixed(config: Mapping[str, Any], layout: str, unsaid: Mapping[str, Any]) -> None:
    """Refuse a model whose configuration a layout would lose without a word.

    Args:
        config: in Hugging Face's vocabulary.
        layout: its name, for the message.
        unsaid: values that a reader of the layout takes for granted, by key of config.json, or of
            its rope_scaling.

    Raises:
        InputError: the model has another value.
    """
    layers = config["num_hidden_layers"]
    alternating = [_KINDS[layer % 2] for layer in range(layers)]
    found = {**(config.get("rope_scaling") or {}), **config}
    expected = {**unsaid, "truncate": False, "layer_types": alternating}
    for key, value in expected.items():
        if not _is_same(found.get(key, value), value):
            raise InputError(
                f"the layout {layout} cannot say this model's {key} ({found[key]!r:.60}); "
                "write it in the layout hf"
            )


def _is_same(found: Any, value: Any) -> bool:
    """Equal, or equal as float32, which is how GGUF keeps measures."""
    if isinstance(value, float) and isinstance(found, float | int):
        return math.isclose(found, value, rel_tol=1e-6)
    return bool(found == value)
