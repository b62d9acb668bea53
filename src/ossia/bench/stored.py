"""A sequence that begins with tokens in the KV cache that nobody computed.

Filling 32,768 tokens by prefill takes minutes, and the speed of decoding does not depend on what
the keys and values are: random ones do.
"""

from collections.abc import Sequence as Layers

import numpy as np

from ossia.engine import Engine, Request
from ossia.engine.memory import PREFILL_CHUNK
from ossia.engine.request import Sequence
from ossia.model import Config
from ossia.ops.arrays import PAGE_SIZE, KVPages, PageTable
from ossia.ops.spec import Ops

_PAGES_AT_ONCE = 32


def fill_pages(config: Config, pages: Layers[KVPages], ops: Ops) -> None:
    """Writes random keys and values into every page of every layer, as the backend stores them.

    They repeat every ``_PAGES_AT_ONCE`` pages, in memory of their own all the same.
    """
    random = np.random.default_rng(0)
    shape = (_PAGES_AT_ONCE * PAGE_SIZE, config.kv_heads, config.head_dim)
    k, v = (random.standard_normal(shape, np.float32) for _ in range(2))
    for layer in pages:
        num_slots = len(layer.keys) * PAGE_SIZE
        for start in range(0, num_slots, len(k)):
            slots = np.arange(start, min(start + len(k), num_slots), dtype=np.int32)
            table = PageTable(np.zeros((1, 0), np.int32), slots)  # storing looks at slots alone
            ops.store_kv(k[: len(slots)], v[: len(slots)], layer, table)


def add_stored(engine: Engine, request: Request) -> Sequence:
    """Queues a request whose prompt the engine takes for known already, to its last whole page.

    Its keys and values are what the engine's pages happen to hold.

    Raises:
        InputError: see ``Engine.add``.
    """
    sequence = engine.add(request)
    earlier = Sequence(request, list(request.prompt_ids), sequence.capacity)
    while earlier.num_pending > 1:
        num_tokens = min(PREFILL_CHUNK, earlier.num_pending - 1)
        has_grown = engine.cache.grow(earlier, earlier.num_stored + num_tokens)
        assert has_grown, "the engine has room for one conversation"
        earlier.num_stored += num_tokens
        engine.cache.advance(earlier)
    engine.cache.release(earlier)
    return sequence
