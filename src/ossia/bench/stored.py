"""A sequence that begins with tokens in the KV cache that nobody computed.

Filling 32,768 tokens by prefill takes minutes, and the speed of decoding does not depend on what
the keys and values are: random ones do.
"""

from collections.abc import Sequence as Layers

import numpy as np

from ossia.engine import Engine, Request
from ossia.engine.request import Sequence
from ossia.model import Config
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE, KVPages, PageTable
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
    """Queues a request as if all its prompt but the last token had been computed.

    Its keys and values are what the engine's pages happen to hold.

    Raises:
        InputError: see ``Engine.add``.
    """
    sequence = engine.add(request)
    sequence.num_stored = len(request.prompt_ids) - 1
    if window := engine.config.window:  # pages before the window would be free again
        first_visible = max(0, sequence.num_stored - window + 1)
        sequence.sliding_pages = [NO_PAGE] * (first_visible // PAGE_SIZE)
    return sequence
