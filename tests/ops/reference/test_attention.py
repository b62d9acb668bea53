"""Paged attention against the formula written out for one sequence without pages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ops.paging import grow

from ossia.engine.batching import make_batch
from ossia.engine.pages import PagePool
from ossia.engine.request import Request, Sequence
from ossia.engine.scheduler import Scheduled
from ossia.ops.arrays import PAGE_SIZE
from ossia.ops.reference import allocate_pages, attention, store_kv

KV_HEADS, GROUP, HEAD_DIM = 2, 3, 8


def plain_attention(q, k, v, sinks, window):
    """q [tokens, heads, head_dim], k and v [tokens, kv_heads, head_dim], float64."""
    out = np.zeros_like(q)
    for token in range(len(q)):
        first = 0 if window is None else max(0, token - window + 1)
        for head in range(q.shape[1]):
            keys, values = k[first : token + 1, head // GROUP], v[first : token + 1, head // GROUP]
            scores = keys @ q[token, head] / np.sqrt(HEAD_DIM)
            weights = np.exp(np.append(scores, sinks[head]))
            out[token, head] = (weights / weights.sum())[:-1] @ values
    return out.reshape(len(q), -1)


@pytest.mark.parametrize("window", [None, 1, 5, 128])
@given(
    lengths=st.lists(st.integers(1, 3 * PAGE_SIZE), min_size=1, max_size=3),
    cuts=st.lists(st.integers(1, 2 * PAGE_SIZE), min_size=1, max_size=3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=15, deadline=None)
def test_equals_the_formula_in_every_chunking(window, lengths, cuts, seed) -> None:
    random = np.random.default_rng(seed)
    pool, pages = PagePool(64), allocate_pages(64, KV_HEADS, HEAD_DIM)
    random.shuffle(pool._free)  # pages of a sequence need not be neighbours
    sinks = random.normal(size=KV_HEADS * GROUP).astype(np.float32)
    sequences = [Sequence(Request((0,) * n), [0] * n, capacity=n) for n in lengths]
    q, k, v = (
        [random.normal(size=(n, heads, HEAD_DIM)).astype(np.float32) for n in lengths]
        for heads in (KV_HEADS * GROUP, KV_HEADS, KV_HEADS)
    )
    outputs: list[list[np.ndarray]] = [[] for _ in lengths]
    for step in range(max(lengths)):
        cut = cuts[step % len(cuts)]
        scheduled = [(s, min(cut, s.num_pending)) for s in sequences if s.num_pending]
        if not scheduled:
            break
        for sequence, length in scheduled:
            grow(sequence.full_pages, pool, sequence.num_stored + length)
        batch = make_batch([Scheduled(*each) for each in scheduled])
        spans = [
            (sequences.index(s), slice(s.num_stored, s.num_stored + length))
            for s, length in scheduled
        ]
        new_q, new_k, new_v = (np.concatenate([x[i][span] for i, span in spans]) for x in (q, k, v))
        store_kv(new_k, new_v, pages, batch.full)
        y = attention(new_q, sinks, batch, pages, batch.full, window)
        for row, (i, _) in enumerate(spans):
            outputs[i].append(y[slice(*batch.sequence_starts[row : row + 2])])
        for sequence, length in scheduled:
            sequence.num_stored += length
    for i in range(len(lengths)):
        exact = plain_attention(*(x[i].astype(np.float64) for x in (q, k, v)), sinks, window)
        np.testing.assert_allclose(np.concatenate(outputs[i]), exact, rtol=1e-4, atol=1e-5)
