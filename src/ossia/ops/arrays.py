"""The frozen dataclasses that travel between the engine, the model and the ops.

Knows how a step's tokens and their keys and values are laid out; does not know who owns a page
(engine) nor what a layer does with it (model).
"""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ossia.numerics.arrays import Float32, Int32

PAGE_SIZE = 32
"""Tokens whose keys and values share one page."""

NO_PAGE = -1
"""Stands in a page table where a sequence holds no page: not yet filled, or slid out of sight."""


@dataclass(frozen=True, eq=False)
class KVPages:
    """One layer's keys and values, cut into pages. The backend chooses dtype, device and layout.

    Attributes:
        keys: [pages, ...], the last axes as the backend likes them; the reference's are
            [PAGE_SIZE, kv_heads, head_dim].
        values: [pages, ...], likewise.
    """

    keys: NDArray[Any]
    values: NDArray[Any]


@dataclass(frozen=True, eq=False)
class PageTable:
    """Where the sequences of a batch keep their tokens in every layer of one kind.

    Attributes:
        pages: int32 [sequences, logical_pages], physical page of each logical one, or NO_PAGE.
        slots: int32 [tokens], page * PAGE_SIZE + offset at which each new token is stored.
    """

    pages: Int32
    slots: Int32


@dataclass(frozen=True, eq=False)
class Batch:
    """The tokens of one step, those of a sequence side by side and in order.

    Attributes:
        token_ids: int32 [tokens].
        positions: int32 [tokens], place of each token in its own sequence, from 0.
        sequence_starts: int32 [sequences + 1]; sequence s owns tokens starts[s]:starts[s + 1].
        full: pages of the layers that see the whole sequence.
        sliding: pages of the layers that see a window.
        output_rows: int32 [outputs], the tokens whose logits are wanted.
    """

    token_ids: Int32
    positions: Int32
    sequence_starts: Int32
    full: PageTable
    sliding: PageTable
    output_rows: Int32


@dataclass(frozen=True, eq=False)
class RopeTable:
    """Rotary position embedding, ready to be turned into angles.

    Attributes:
        frequencies: float32 [head_dim / 2], radians a position.
        concentration: YaRN's factor on cosine and sine.
    """

    frequencies: Float32
    concentration: float
