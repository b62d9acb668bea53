"""A backend's ops with somebody looking on: which pages they gave out, how long each takes."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ossia.ops.arrays import KVPages
from ossia.ops.spec import OP_NAMES, Ops


class ObservedOps:
    """Has every op of a backend. Until ``time`` is called they are the backend's own functions.

    Attributes:
        pages: what ``allocate_pages`` gave out, in order: one entry a layer.
        seconds: by op, since ``time`` was called.
    """

    def __init__(self, ops: Ops) -> None:
        self.pages: list[KVPages] = []
        self.seconds: dict[str, float] = defaultdict(float)
        self._ops = ops
        for name in OP_NAMES:
            setattr(self, name, getattr(ops, name))
        self.allocate_pages = self._allocate_pages

    def __getattr__(self, name: str) -> Any:
        """What a backend offers beside the ops."""
        return getattr(self._ops, name)

    def time(self) -> None:
        """From now on every call is timed, at a cost of less than a microsecond."""
        for name in OP_NAMES:
            setattr(self, name, self._timed(name, getattr(self._ops, name)))

    def _allocate_pages(self, num_pages: int, kv_heads: int, head_dim: int) -> KVPages:
        pages = self._ops.allocate_pages(num_pages, kv_heads, head_dim)
        self.pages.append(pages)
        return pages

    def _timed(self, name: str, op: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return op(*args, **kwargs)
            finally:
                self.seconds[name] += time.perf_counter() - start

        return timed
