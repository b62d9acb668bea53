"""One text through the model, straight through the forward pass: no engine, no sampling.

Two ways to keep keys and values: every page of its own, in order; or, as in an engine that has been
at work for a while, pages in disorder, and in sliding layers no more than the window needs, each
used again as soon as it slid out of sight. Both must give the same bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ossia.checkpoint.source import Source
from ossia.checkpoint.stored import Progress, silent
from ossia.model import Config, Params, forward, prepare_params
from ossia.model.yarn import rope_table
from ossia.numerics.arrays import Float32, Int32
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE, Batch, PageTable, RopeTable
from ossia.ops.select import Backend, select_backend

MAX_CHUNK = 512
"""Most tokens that are fed at once."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model on a backend.

    Attributes:
        holding: how its weights are held, in words for the user.
    """

    params: Params
    config: Config
    rope: RopeTable
    backend: Backend
    holding: str

    @classmethod
    def load(cls, source: Source, backend: str | None, packing: Progress = silent) -> "Loaded":
        """Weights are mapped, and where it pays packed once.

        Raises:
            OssiaError: see ``model.prepare_params`` and ``ops.select``.
        """
        config = Config.from_mapping(source.config)
        selected = select_backend(backend)
        prepared = prepare_params(source, config.num_layers, selected.ops, packing)
        rope = rope_table(config.rope, config.head_dim)
        return cls(prepared.params, config, rope, selected, prepared.holding)


class Passage:
    """A text on its way through a model.

    Args:
        room: tokens that it may grow to.
        is_recycling: pages in disorder, and used again in sliding layers.
    """

    def __init__(self, model: Loaded, room: int, *, is_recycling: bool = False) -> None:
        self.num_stored = 0
        self._model = model
        num_pages = -(-room // PAGE_SIZE)
        num_sliding = num_pages
        if is_recycling and model.config.window:
            widest = -(-(model.config.window + MAX_CHUNK) // PAGE_SIZE) + 1
            num_sliding = min(num_pages, widest)
        order = np.random.default_rng(0).permutation if is_recycling else np.arange
        self._full: Int32 = order(num_pages).astype(np.int32)
        self._sliding: Int32 = order(num_sliding).astype(np.int32)
        self._num_pages = num_pages
        kv_heads, head_dim = model.config.kv_heads, model.config.head_dim
        allocate = model.backend.ops.allocate_pages
        self._pages = [
            allocate(num_pages if window is None else num_sliding, kv_heads, head_dim)
            for window in model.config.windows
        ]

    def feed(self, token_ids: Sequence[int], rows: Sequence[int] | None = None) -> Float32:
        """Logits [rows, vocabulary] of some of the new tokens, by default of the last.

        Args:
            token_ids: at most ``MAX_CHUNK``.
            rows: which of them.
        """
        start, length = self.num_stored, len(token_ids)
        assert 0 < length <= MAX_CHUNK, "too many tokens at once for the window's pages"
        positions = np.arange(start, start + length, dtype=np.int32)
        first = 0  # page that the sliding layers still see
        if (window := self._model.config.window) is not None:
            first = max(0, start - window + 1) // PAGE_SIZE
        batch = Batch(
            token_ids=np.asarray(token_ids, np.int32),
            positions=positions,
            sequence_starts=np.array([0, length], np.int32),
            full=_table(self._full, 0, positions),
            sliding=_table(self._sliding, first, positions),
            output_rows=np.asarray([length - 1] if rows is None else rows, np.int32),
        )
        self.num_stored += length
        model = self._model
        return forward(
            model.params, model.config, model.rope, batch, self._pages, model.backend.ops
        )


def _table(physical: Int32, first: int, positions: Int32) -> PageTable:
    """The pages of positions up to the last, those before ``first`` forgotten."""
    num_logical = int(positions[-1]) // PAGE_SIZE + 1
    logical = np.arange(num_logical)
    of_logical: Int32 = physical[logical % len(physical)]
    pages = np.where(logical < first, np.int32(NO_PAGE), of_logical)
    slots = of_logical[positions // PAGE_SIZE] * PAGE_SIZE + positions % PAGE_SIZE
    return PageTable(pages[None].astype(np.int32), slots.astype(np.int32))
