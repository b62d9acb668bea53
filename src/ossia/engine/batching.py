"""The arrays that describe one step, for the pages that its sequences hold."""

import numpy as np
from numpy.typing import NDArray

from ossia.engine.scheduler import Scheduled
from ossia.numerics.arrays import Int32
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE, Batch, PageTable


def make_batch(scheduled: list[Scheduled]) -> Batch:
    """The tokens of a step, side by side, with the rows whose logits are wanted."""
    lengths = [each.num_rows for each in scheduled]
    starts = np.cumsum([0, *lengths], dtype=np.int32)
    token_ids = [token_id for each in scheduled for token_id in _token_ids(each)]
    positions = np.concatenate(
        [
            np.arange(each.sequence.num_stored, each.sequence.num_stored + length, dtype=np.int32)
            for each, length in zip(scheduled, lengths, strict=True)
        ]
    )
    owners = np.repeat(np.arange(len(scheduled)), lengths)  # [tokens], row of the page tables
    rows = [
        start + row_in
        for start, each in zip(starts, scheduled, strict=False)
        for row_in in wanted_rows(each)
    ]
    full = [each.sequence.full_pages for each in scheduled]
    sliding = [each.sequence.sliding_pages for each in scheduled]
    return Batch(
        token_ids=np.asarray(token_ids, np.int32),
        positions=positions,
        sequence_starts=starts,
        full=_page_table(full, owners, positions),
        sliding=_page_table(sliding, owners, positions),
        output_rows=np.asarray(rows, np.int32),
    )


def wanted_rows(scheduled: Scheduled) -> range:
    """The rows of a sequence in a step whose logits are wanted.

    Its last known token's and its drafts'; none while its prompt is not through; where the prompt
    is scored, all.
    """
    sequence, num_rows = scheduled.sequence, scheduled.num_rows
    is_scored = sequence.request.score_prompt and sequence.num_reported < sequence.num_prompt
    if is_scored and sequence.num_stored < sequence.num_prompt:
        return range(num_rows)
    if scheduled.num_tokens < sequence.num_pending:
        return range(0)
    return range(scheduled.num_tokens - 1, num_rows)


def _token_ids(scheduled: Scheduled) -> list[int]:
    sequence = scheduled.sequence
    start = sequence.num_stored
    return [*sequence.token_ids[start : start + scheduled.num_tokens], *scheduled.drafts]


def _page_table(
    page_lists: list[list[int]], owners: NDArray[np.intp], positions: Int32
) -> PageTable:
    pages = np.full((len(page_lists), max(map(len, page_lists))), NO_PAGE, np.int32)
    for row, page_list in enumerate(page_lists):
        pages[row, : len(page_list)] = page_list
    logical, offset = np.divmod(positions, PAGE_SIZE)
    if pages.shape[1] == 0:  # no layer of this kind
        return PageTable(pages, np.zeros_like(positions))
    return PageTable(pages, (pages[owners, logical] * PAGE_SIZE + offset).astype(np.int32))
