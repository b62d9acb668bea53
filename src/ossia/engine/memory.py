"""How much memory a model takes at a given context, and what context this machine can hold."""

from dataclasses import dataclass

from ossia.base.errors import InputError, ResourceError
from ossia.base.memory import available_memory
from ossia.engine.pages import num_pages_for
from ossia.model.config import Config
from ossia.ops.arrays import PAGE_SIZE

PREFILL_CHUNK = 512
"""Prompt tokens that one step computes at most: the grain of progress and of Ctrl-C."""


_SNAPSHOT_PAGES = 16
"""Sliding pages beside what one conversation needs itself: snapshots to go on from."""

_SNAPSHOT_SHARE = 4
"""With room to spare, a sliding page for so many full ones: a snapshot takes four or five."""

_MOST_CONVERSATIONS = 64
"""Conversations of full length beyond which no room is made, however much memory is free."""


@dataclass(frozen=True)
class MemoryPlan:
    """The KV cache of one process.

    Attributes:
        context: tokens that one conversation may fill, prompt and answer together.
        full_pages, sliding_pages: pages in each full and each sliding layer.
        page_bytes: bytes of one page in one layer, keys and values.
        kv_bytes: bytes over all layers.
    """

    context: int
    full_pages: int
    sliding_pages: int
    page_bytes: int
    kv_bytes: int

    @property
    def num_tokens(self) -> int:
        """Tokens of all conversations together that can be kept."""
        return self.full_pages * PAGE_SIZE

    def num_conversations(self, length: int, window: int | None) -> int:
        """How many conversations of so many tokens can go on at the same time."""
        fit = self.full_pages // num_pages_for(length)
        if window is None:
            return fit
        spare = self.sliding_pages - num_pages_for(PREFILL_CHUNK)
        return min(fit, spare // min(num_pages_for(length), num_pages_for(window) + 1))


def plan_memory(
    config: Config, context: int, item_bytes: int, kv_bytes: int | None = None
) -> MemoryPlan:
    """The KV cache for ``context`` tokens: full layers keep all, sliding ones their window.

    Args:
        item_bytes: of one number, as the backend keeps it (``Ops.kv_item_bytes``).
        kv_bytes: what may be taken for more conversations and for what may serve again; None is
            what one conversation needs, which it takes in any case.
    """
    page_bytes = 2 * PAGE_SIZE * config.kv_heads * config.head_dim * item_bytes
    num_sliding = sum(window is not None for window in config.windows)
    num_full = config.num_layers - num_sliding
    full_pages, sliding_pages = num_pages_for(context), 0
    if config.window:
        # A chunk is stored before the pages that it slides out of sight are freed.
        widest = config.window + PREFILL_CHUNK + PAGE_SIZE
        sliding_pages = num_pages_for(min(context, widest)) + _SNAPSHOT_PAGES
    least = page_bytes * (num_full * full_pages + num_sliding * sliding_pages)
    if kv_bytes is not None and kv_bytes > least:
        share = _SNAPSHOT_SHARE if config.window else 1
        together = page_bytes * (num_full * share + num_sliding)  # full pages, and a sliding one
        num_more = (kv_bytes - least) // together
        num_more = min(num_more, full_pages * (_MOST_CONVERSATIONS - 1) // share)
        full_pages += num_more * share
        sliding_pages += num_more if config.window else 0
    kv_bytes = page_bytes * (num_full * full_pages + num_sliding * sliding_pages)
    return MemoryPlan(context, full_pages, sliding_pages, page_bytes, kv_bytes)


def largest_context(config: Config, budget_bytes: int, item_bytes: int) -> int:
    """The most tokens, up to the model's own limit, whose KV cache fits in ``budget_bytes``.

    Returns whole pages' worth of tokens, at least one page.
    """
    low, high = 1, num_pages_for(config.max_context)  # pages
    while low < high:
        middle = (low + high + 1) // 2
        if plan_memory(config, middle * PAGE_SIZE, item_bytes).kv_bytes <= budget_bytes:
            low = middle
        else:
            high = middle - 1
    return min(low * PAGE_SIZE, config.max_context)


def default_kv_bytes(weight_bytes: int) -> int:
    """What the KV cache may take when nothing is said: half of what is free beside the weights.

    The weights soon lie in memory too; at least an eighth of what is free, for weights that never
    fit.
    """
    free = available_memory()
    return max((free - weight_bytes) // 2, free // 8)


def default_context(config: Config, weight_bytes: int, item_bytes: int) -> int:
    """The context to make room for when none is asked for: see ``default_kv_bytes``."""
    return largest_context(config, default_kv_bytes(weight_bytes), item_bytes)


def check_context(config: Config, context: int, item_bytes: int) -> None:
    """Refuses a context that the model was not made for, or that this machine cannot hold now.

    Raises:
        InputError: the model takes no such context.
        ResourceError: its KV cache does not fit in the memory that is free.
    """
    if not 2 <= context <= config.max_context:
        raise InputError(
            f"a context of {context} tokens is not possible; this model takes 2 to "
            f"{config.max_context}"
        )
    needed, free = plan_memory(config, context, item_bytes).kv_bytes, available_memory()
    if needed > free:
        raise ResourceError(
            f"a context of {context} tokens needs {needed / 2**30:.1f} GiB for its KV cache and "
            f"{free / 2**30:.1f} GiB of memory is free; ask for a shorter context"
        )
