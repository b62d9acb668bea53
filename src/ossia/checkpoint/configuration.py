"""A model's configuration in the one vocabulary of a ``Source``, completed and checked.

The vocabulary is that of the config.json of the released openai/gpt-oss-20b. Readers translate
into it; here every value that the house computes with is completed and checked, so that absurd
sizes end before anything is made of that size.
"""

import math
from collections.abc import Mapping
from typing import Any

from ossia.base.errors import CheckpointError

_LARGEST = {
    "num_hidden_layers": 1024,
    "hidden_size": 1 << 16,
    "intermediate_size": 1 << 20,
    "num_attention_heads": 1024,
    "num_key_value_heads": 1024,
    "head_dim": 4096,
    "num_local_experts": 4096,
    "num_experts_per_tok": 4096,
    "vocab_size": 1 << 24,
    "max_position_embeddings": 1 << 30,
    "sliding_window": 1 << 30,
}
"""Counts, which are at least 1, and the most that is believed."""

_MEASURES = {
    "rms_norm_eps": (0.0, 1.0),
    "rope_theta": (1.0, 1e12),
    "swiglu_limit": (0.0, 1e6),
}
"""Real numbers, and what they must lie between (bounds excluded)."""

_ROPE_MEASURES = {"factor": (0.0, 1e6), "beta_fast": (0.0, 1e6), "beta_slow": (0.0, 1e6)}
_ROPE_COUNT = "original_max_position_embeddings"

_USUAL = {
    "max_position_embeddings": 131_072,
    "rms_norm_eps": 1e-5,
    "rope_theta": 150_000,
    "sliding_window": 128,
    "swiglu_limit": 7.0,
}
"""What a configuration that does not say otherwise means, as in the released models."""

_FIXED = {
    "attention_bias": True,
    "hidden_act": "silu",
    "swiglu_alpha": 1.702,
    "tie_word_embeddings": False,
}
"""Keys that some files have, with the only value that this architecture is."""

_KINDS = ("sliding_attention", "full_attention")


def complete(values: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """A configuration with every key that the house needs, each of a believable value.

    Args:
        values: in the vocabulary of the released config.json, ``rope_scaling`` YaRN or None.
        origin: the file, for messages.

    Raises:
        CheckpointError: a size is missing, absurd, or does not go with the others.
    """
    config = _USUAL | {"rope_scaling": None} | dict(values)
    for key, largest in _LARGEST.items():
        if key == "sliding_window" and config[key] is None:
            continue
        _check_count(config, key, largest, origin)
    for key, (low, high) in _MEASURES.items():
        _check_measure(config, key, low, high, origin)
    for key, value in _FIXED.items():
        if (found := config.get(key)) not in (None, value):
            raise CheckpointError(f"{origin}: {key} is {found!r:.40}; a gpt-oss has {value!r}")
    _check_together(config, origin)
    config["layer_types"] = _layer_types(config, origin)
    config["rope_scaling"] = _rope_scaling(config, origin)
    return config


def _check_count(values: Mapping[str, Any], key: str, largest: int, origin: str) -> None:
    found = values.get(key)
    if found is None:
        raise CheckpointError(f"{origin}: says no {key}; every gpt-oss has one")
    if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= largest:
        raise CheckpointError(f"{origin}: {key} is {found!r:.40}; expected 1 to {largest}")


def _check_measure(
    values: Mapping[str, Any], key: str, low: float, high: float, origin: str
) -> None:
    found = values.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float) or not low < found < high:
        raise CheckpointError(
            f"{origin}: {key} is {found!r:.40}; expected a number between {low:g} and {high:g}"
        )


def _check_together(config: Mapping[str, Any], origin: str) -> None:
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    experts, active = config["num_local_experts"], config["num_experts_per_tok"]
    if heads % kv_heads:
        problem = f"{heads} query heads cannot share {kv_heads} key/value heads evenly"
    elif config["head_dim"] % 2:
        problem = f"head_dim must be even (rotary embedding), not {config['head_dim']}"
    elif active > experts:
        problem = f"{active} experts cannot be active out of {experts}"
    else:
        return
    raise CheckpointError(f"{origin}: {problem}; no gpt-oss is so")


def _layer_types(config: Mapping[str, Any], origin: str) -> list[str]:
    num_layers = config["num_hidden_layers"]
    kinds = config.get("layer_types")
    if kinds is None:
        kinds = [_KINDS[layer % 2] for layer in range(num_layers)]
    if (
        not isinstance(kinds, list)
        or len(kinds) != num_layers
        or any(kind not in _KINDS for kind in kinds)
    ):
        raise CheckpointError(
            f"{origin}: layer_types must name one of {' or '.join(_KINDS)} for each of "
            f"{num_layers} layers"
        )
    if config["sliding_window"] is None and _KINDS[0] in kinds:
        raise CheckpointError(f"{origin}: has sliding layers, but sliding_window is null")
    return kinds


def _rope_scaling(config: Mapping[str, Any], origin: str) -> dict[str, Any] | None:
    """YaRN's numbers with every default spelled out; None for plain rotary embedding."""
    given = config["rope_scaling"]
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise CheckpointError(f"{origin}: rope_scaling is {given!r:.40}; expected an object")
    scaling: dict[str, Any] = {
        "rope_type": "yarn",
        _ROPE_COUNT: config["max_position_embeddings"],
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "truncate": False,
    } | dict(given)
    where = f"{origin}: rope_scaling"
    _check_count(scaling, _ROPE_COUNT, 1 << 30, where)
    for key, (low, high) in _ROPE_MEASURES.items():
        _check_measure(scaling, key, low, high, where)
    if not isinstance(scaling["truncate"], bool):
        raise CheckpointError(f"{where}: truncate is {scaling['truncate']!r:.40}; expected a bool")
    _check_concentration(scaling, where)
    return scaling


def _check_concentration(scaling: Mapping[str, Any], where: str) -> None:
    """Refuse what YaRN may also say and gpt-oss never does: another scale of attention."""
    usual = 0.1 * math.log(scaling["factor"]) + 1 if scaling["factor"] > 1 else 1.0
    given = scaling.get("attention_factor")
    if given is not None and not (
        isinstance(given, int | float) and math.isclose(given, usual, rel_tol=1e-5)
    ):
        raise CheckpointError(f"{where}: attention_factor is {given!r:.40}; expected {usual:.6g}")
    for key in ("mscale", "mscale_all_dim"):
        if scaling.get(key) is not None:
            raise CheckpointError(f"{where}: has {key}, which no gpt-oss has")
