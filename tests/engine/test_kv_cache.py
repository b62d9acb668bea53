"""The books of the KV cache, without a model: what is known, to whom, and what goes first."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import TokenizerFiles
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.engine.kv_cache import KVCache, snapshot_pages
from ossia.engine.memory import plan_memory
from ossia.engine.request import Request, Sequence
from ossia.model import Config
from ossia.ops import reference
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE

SOURCE = SyntheticCheckpoint(SyntheticShape.parse("2x64x4"), 1, TokenizerFiles())
CONFIG = Config.from_mapping(SOURCE.config)


def make_cache(full_pages: int = 64, sliding_pages: int = 40, window: int | None = 128) -> KVCache:
    config = CONFIG if window else replace(CONFIG, windows=(None,) * CONFIG.num_layers)
    plan = plan_memory(config, 64, 4)
    return KVCache(
        config, replace(plan, full_pages=full_pages, sliding_pages=sliding_pages), reference
    )


def sequence_of(ids: list[int], boundaries: tuple[int, ...] = (), window: int | None = 128):
    return Sequence(
        Request(tuple(ids)),
        list(ids),
        capacity=10_000,
        snapshot_pages=snapshot_pages(boundaries, window),
    )


def store(cache: KVCache, sequence: Sequence, num_tokens: int) -> None:
    """As a step does."""
    assert cache.grow(sequence, sequence.num_stored + num_tokens)
    sequence.num_stored += num_tokens
    cache.advance(sequence)
    cache.check_integrity([sequence])


def ran(cache: KVCache, ids: list[int], boundaries: tuple[int, ...] = ()) -> Sequence:
    """A sequence that has come and gone, in steps of 50 tokens."""
    sequence = sequence_of(ids, boundaries, cache.window)
    cache.begin(sequence)
    while sequence.num_pending:
        store(cache, sequence, min(50, sequence.num_pending))
    cache.release(sequence)
    cache.check_integrity([])
    return sequence


def known(cache: KVCache, ids: list[int]) -> int:
    return cache.num_known(sequence_of(ids))


def test_the_end_of_a_sequence_can_be_gone_on_from() -> None:
    cache, ids = make_cache(), list(range(1000, 1321))
    ran(cache, ids)
    assert known(cache, [*ids, 7]) == 320
    assert known(cache, ids) == 320
    assert known(cache, ids[:320]) == 0  # a token has to be left to compute; no snapshot at 288


def test_without_a_snapshot_a_prefix_is_of_no_use_and_with_one_it_is() -> None:
    cache, ids = make_cache(), list(range(1000, 1640))
    ran(cache, ids)
    assert known(cache, [*ids[:400], 7]) == 0
    cache = make_cache()
    ran(cache, ids, boundaries=(5, 200, 390))
    assert known(cache, [*ids[:400], 7]) == 384
    assert known(cache, [*ids[:383], 7]) == 192
    assert known(cache, [*ids[:191], 7]) == 0


def test_where_all_layers_are_full_any_whole_page_can_be_gone_on_from() -> None:
    cache, ids = make_cache(sliding_pages=0, window=None), list(range(1000, 1640))
    ran(cache, ids)
    assert known(cache, [*ids[:400], 7]) == 384


@pytest.mark.parametrize("num_common", [160, 200])
def test_what_is_taken_is_shared_and_seen_through_the_window(num_common: int) -> None:
    cache, ids = make_cache(), list(range(1000, 1321))
    ran(cache, ids, boundaries=(num_common,))
    sequence = sequence_of([*ids[:num_common], 7, 8, 9])
    cache.begin(sequence)
    depth = num_common // PAGE_SIZE
    assert sequence.num_stored == depth * PAGE_SIZE
    assert [page != NO_PAGE for page in sequence.sliding_pages] == [
        index >= depth - 4 for index in range(depth)
    ]
    assert all(cache.full.owners(page) == 2 for page in sequence.full_pages)
    cache.release(sequence)
    cache.check_integrity([])


def test_two_that_compute_the_same_end_up_with_the_same_pages() -> None:
    cache, ids = make_cache(), list(range(1000, 1101))
    one, two = sequence_of(ids), sequence_of([*ids[:96], 1, 2, 3, 4, 5])
    for sequence in (one, two):
        assert cache.grow(sequence, 101)
        sequence.num_stored = 101
    for sequence in (one, two):
        cache.advance(sequence)
    assert one.full_pages[:3] == two.full_pages[:3]
    assert one.full_pages[3] != two.full_pages[3]
    cache.check_integrity([one, two])


def test_what_was_used_least_recently_goes_first_and_leaves_before_their_parents() -> None:
    cache = make_cache(full_pages=12, sliding_pages=24)
    first, second = list(range(1000, 1129)), list(range(2000, 2129))
    ran(cache, first)
    ran(cache, second)  # 4 pages each; 4 are free
    ran(cache, [*first, 5])  # used again
    ran(cache, list(range(3000, 3129)))  # the last free ones
    ran(cache, list(range(4000, 4065)))  # two pages more: the end of `second` goes
    assert known(cache, [*first, 7]) == 128
    assert known(cache, [*second, 7]) == 32
    assert len(cache.prefixes.walk([*second, 7])) == 1  # a page of 65 tokens' tail went back
    assert cache.num_evicted == 3


def test_a_sequence_that_finds_no_room_is_told_and_nothing_changes() -> None:
    cache = make_cache(full_pages=4, sliding_pages=24)
    one, two = sequence_of(list(range(96))), sequence_of(list(range(500, 600)))
    store(cache, one, 96)
    assert not cache.grow(two, 64)
    assert two.full_pages == []
    cache.check_integrity([one, two])
    assert cache.has_room(two, spare=0) is False
    cache.release(one)
    assert cache.grow(two, 64)
    cache.check_integrity([two])


prompts = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=6).map(
    lambda parts: [100 * kind + i for kind, length in parts for i in range(length * 21)]
)


@given(
    st.lists(st.tuples(prompts, st.lists(st.integers(0, 400), max_size=3)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
    st.sampled_from([128, 33, 32, 1, None]),
)
@settings(max_examples=150, deadline=None)
def test_no_page_is_lost_whatever_comes_and_goes(asked, random, window) -> None:
    """Sequences come, grow, go and come again in any order, in a cache that is too small."""
    cache = make_cache(full_pages=60, sliding_pages=90 if window else 0, window=128)
    cache.window = window
    cache.prefixes._window = window
    waiting = [sequence_of(ids, tuple(places), window) for ids, places in asked]
    running: list[Sequence] = []
    for _ in range(60):
        if waiting and (not running or random.random() < 0.4):
            sequence = waiting.pop()
            cache.begin(sequence)
            running.append(sequence)
            depth = len(sequence.nodes)
            assert sequence.num_stored == depth * PAGE_SIZE < len(sequence.token_ids)
        elif running:
            sequence = random.choice(running)
            num_tokens = min(random.randint(1, 60), sequence.num_pending)
            if num_tokens and cache.grow(sequence, sequence.num_stored + num_tokens):
                sequence.num_stored += num_tokens
                cache.advance(sequence)
            else:
                running.remove(sequence)
                cache.release(sequence)
                if random.random() < 0.5:
                    waiting.append(sequence)
        cache.check_integrity(running)
    for sequence in running:
        cache.release(sequence)
    cache.check_integrity([])
    while cache.prefixes.evict() or cache.prefixes.evict_snapshot():
        pass
    assert cache.full.num_free == 60
    cache.check_integrity([])
