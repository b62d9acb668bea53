"""What contexts take on this machine, before a model is loaded. Knows sizes; asks no weight."""

from collections.abc import Iterable
from dataclasses import dataclass

from ossia.engine.engine import MAX_RUNNING
from ossia.engine.memory import default_context, default_kv_bytes, plan_memory
from ossia.model.config import Config


@dataclass(frozen=True)
class Memory:
    """What a context takes.

    Attributes:
        context: tokens.
        kv_bytes: the KV cache.
        total_bytes: with the weights, which are mapped and shared with other processes.
        fits: whether ``run`` would make this much room by itself: the KV cache in half of the
            memory that is free now beside the weights.
        num_at_once: conversations of that length that go on at the same time in that memory.
    """

    context: int
    kv_bytes: int
    total_bytes: int
    fits: bool
    num_at_once: int


def memory_of(
    config: Config, weight_bytes: int, contexts: Iterable[int], item_bytes: int
) -> list[Memory]:
    """What contexts take: those given, up to the model's limit, and the largest that fits here.

    Args:
        item_bytes: of one number, as the backend keeps it (``Ops.kv_item_bytes``).
    """
    asked = {context for context in contexts if context <= config.max_context}
    largest = default_context(config, weight_bytes, item_bytes)
    whole = plan_memory(config, largest, item_bytes, default_kv_bytes(weight_bytes))
    rows = []
    for context in sorted(asked | {largest}):
        kv_bytes = plan_memory(config, context, item_bytes).kv_bytes
        fits = context <= largest
        num_at_once = whole.num_conversations(context, config.window) if fits else 0
        num_at_once = min(num_at_once, MAX_RUNNING)
        rows.append(Memory(context, kv_bytes, weight_bytes + kv_bytes, fits, num_at_once))
    return rows
