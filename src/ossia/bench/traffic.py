"""What a decoded token must read from memory: the floor that no program goes below.

Counts the arrays as the backend holds them; assumes nothing of their formats.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from ossia.model import Config, Params
from ossia.numerics.arrays import Mxfp4Array, Q8Array, TiledArray
from ossia.ops.arrays import PAGE_SIZE, KVPages

_NOT_BY_EXPERT = ("norm", "router", "router_bias")


@dataclass(frozen=True)
class Traffic:
    """Bytes that one decoded token reads.

    Attributes:
        experts: of the experts that it uses.
        dense: all other weights; of the embedding one row.
        kv: keys and values of the tokens that it sees.
    """

    experts: int
    dense: int
    kv: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.experts + self.dense + self.kv


def traffic_of(params: Params, config: Config, pages: Sequence[KVPages], num_seen: int) -> Traffic:
    """What a token reads that sees ``num_seen`` tokens, itself among them."""
    experts = dense = kv = 0
    for layer, window, layer_pages in zip(params.layers, config.windows, pages, strict=True):
        dense += nbytes_of(layer.attention)
        for name, leaf in _leaves(layer.experts):
            if name in _NOT_BY_EXPERT:
                dense += nbytes_of(leaf)
            else:
                experts += nbytes_of(leaf) * config.active_experts // config.num_experts
        num_slots = len(layer_pages.keys) * PAGE_SIZE
        seen = num_seen if window is None else min(num_seen, window)
        kv += nbytes_of(layer_pages) * seen // num_slots
    dense += nbytes_of(params.embedding) // config.vocabulary
    dense += nbytes_of(params.norm) + nbytes_of(params.unembedding)
    return Traffic(experts, dense, kv)


def nbytes_of(held: Any) -> int:
    """Bytes of an array, or of all arrays in a tree of dataclasses."""
    if hasattr(held, "nbytes"):
        return int(held.nbytes)
    return sum(nbytes_of(leaf) for _, leaf in _leaves(held))


def formats(params: Params) -> dict[str, str]:
    """How the large tensors are held: ``{"experts": "MXFP4", "attention": "bfloat16", ...}``."""
    layer = params.layers[0]
    return {
        "experts": _format(layer.experts.gate),
        "attention": _format(layer.attention.q),
        "unembedding": _format(params.unembedding),
    }


def _leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    if is_dataclass(tree):
        yield from ((field.name, getattr(tree, field.name)) for field in fields(tree))


def _format(held: Any) -> str:
    match held:
        case Mxfp4Array():
            return "MXFP4"
        case Q8Array():
            return "Q8_0"
        case TiledArray():
            return "MXFP4 in tiles" if held.is_mxfp4 else "Q8_0 in tiles"
        case np.ndarray():
            return str(held.dtype)
        case _:
            return type(held).__name__
