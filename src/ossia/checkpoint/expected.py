"""The tensors that a configuration implies: the one list of them."""

from collections.abc import Iterator, Mapping
from typing import Any

Shape = tuple[int, ...]


def tensor_shapes(config: Mapping[str, Any]) -> Iterator[tuple[str, Shape]]:
    """Every tensor's canonical name and logical shape, in a checkpoint's order."""
    hidden, num_layers = config["hidden_size"], config["num_hidden_layers"]
    attention, experts = _attention(config), _experts(config)
    yield "embedding", (config["vocab_size"], hidden)
    for layer in range(num_layers):
        for room, tensors in (("attention", attention), ("experts", experts)):
            yield from ((f"layers.{layer}.{room}.{kind}", shape) for kind, shape in tensors.items())
    yield "norm", (hidden,)
    yield "unembedding", (config["vocab_size"], hidden)


def _attention(config: Mapping[str, Any]) -> dict[str, Shape]:
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    q_rows = heads * config["head_dim"]
    kv_rows = config["num_key_value_heads"] * config["head_dim"]
    tensors: dict[str, Shape] = {"norm": (hidden,)}
    for kind, rows, columns in (
        ("q", q_rows, hidden),
        ("k", kv_rows, hidden),
        ("v", kv_rows, hidden),
        ("out", hidden, q_rows),
    ):
        tensors |= {kind: (rows, columns), f"{kind}_bias": (rows,)}
    return tensors | {"sinks": (heads,)}


def _experts(config: Mapping[str, Any]) -> dict[str, Shape]:
    hidden, inter = config["hidden_size"], config["intermediate_size"]
    experts = config["num_local_experts"]
    tensors: dict[str, Shape] = {"norm": (hidden,)}
    tensors |= {"router": (experts, hidden), "router_bias": (experts,)}
    for kind, rows, columns in (
        ("gate", inter, hidden),
        ("up", inter, hidden),
        ("down", hidden, inter),
    ):
        tensors |= {kind: (experts, rows, columns), f"{kind}_bias": (experts, rows)}
    return tensors
