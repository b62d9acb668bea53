"""The cpu backend's attention against the reference backend's, and against itself in company."""

import threading
import time
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ops.paging import grow, slide

from ossia.engine.batching import make_batch
from ossia.engine.pages import PagePool
from ossia.engine.request import Request, Sequence
from ossia.engine.scheduler import Scheduled
from ossia.numerics.arrays import Float32
from ossia.numerics.bf16 import BF16, round_to_bf16, widen
from ossia.ops import reference
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE, Batch, KVPages, PageTable
from ossia.ops.cpu import _kernels, available_instruction_sets
from ossia.ops.cpu.attention import attention_and_name

cpu: Any = import_module("ossia.ops.cpu.attention")

UNIT = 2.0**-24
"""Half a unit in the last place of 1 in float32."""

BF16_UNIT = 2.0**-9
"""The same in bfloat16: what rounding a weight of the softmax may change, as a part of it."""

ROUNDS_QUERIES = {"avx512bf16"}
"""Instruction sets that round queries and softmax weights to bfloat16."""


def use(name: str, threads: int) -> None:
    _kernels.use_instruction_set(name)
    _kernels.set_num_threads(threads)


@dataclass(frozen=True)
class Shape:
    kv_heads: int
    group: int
    head_dim: int
    window: int | None


SHAPES = [
    Shape(1, 1, 2, None),
    Shape(1, 1, 8, 1),
    Shape(2, 3, 16, 5),
    Shape(1, 5, 34, None),
    Shape(3, 2, 32, 128),
    Shape(2, 8, 64, None),
    Shape(2, 8, 64, 128),
    Shape(1, 7, 80, 33),
]


def random_tokens(shape: Shape, num_tokens: int, seed: int) -> tuple[Float32, Float32, Float32]:
    """q, k and v of a sequence; k and v are bfloat16 numbers already."""
    rng = np.random.default_rng(seed)

    def normal(heads: int) -> Float32:
        return rng.standard_normal((num_tokens, heads, shape.head_dim), np.float32)

    k, v = (widen(round_to_bf16(normal(shape.kv_heads))) for _ in range(2))
    return 2 * normal(shape.kv_heads * shape.group), k, v


def random_sinks(shape: Shape) -> Float32:
    return np.random.default_rng(7).standard_normal(shape.kv_heads * shape.group, np.float32)


def run(
    shape: Shape,
    tokens: list[tuple[Float32, Float32, Float32]],
    cuts: list[int],
    ops: Any = cpu,
    seed: int = 0,
) -> list[Float32]:
    """Results of some sequences that run together, so many tokens of each a step as ``cuts`` say.

    The pages are those that the engine would use: of all layers alike where there is no window,
    else pages go back as they slide out of sight, and other sequences get them, full of numbers.
    """
    longest = max(len(q) for q, _, _ in tokens)
    pool = PagePool(len(tokens) * (longest // PAGE_SIZE + 2))
    np.random.default_rng(seed).shuffle(pool._free)
    pages: KVPages = ops.allocate_pages(pool.num_pages, shape.kv_heads, shape.head_dim)
    sinks = random_sinks(shape)
    sequences = [Sequence(Request((0,) * len(q)), [0] * len(q), len(q)) for q, _, _ in tokens]
    results: list[list[Float32]] = [[] for _ in tokens]
    for step in range(longest * len(cuts)):  # one of the cuts may be 0
        chosen = [
            (i, min(cuts[(step + i) % len(cuts)], s.num_pending))
            for i, s in enumerate(sequences)
            if s.num_pending and cuts[(step + i) % len(cuts)]
        ]
        if not chosen:
            continue
        scheduled = [(sequences[i], length) for i, length in chosen]
        for sequence, length in scheduled:
            held = sequence.full_pages if shape.window is None else sequence.sliding_pages
            grow(held, pool, sequence.num_stored + length)
        batch = make_batch([Scheduled(*each) for each in scheduled])
        table = batch.full if shape.window is None else batch.sliding
        spans = [slice(s.num_stored, s.num_stored + length) for s, length in scheduled]
        q, k, v = (
            np.concatenate(
                [tokens[i][part][span] for (i, _), span in zip(chosen, spans, strict=True)]
            )
            for part in range(3)
        )
        ops.store_kv(k, v, pages, table)
        y = ops.attention(q, sinks, batch, pages, table, shape.window)
        for row, (i, length) in enumerate(chosen):
            results[i].append(y[batch.sequence_starts[row] : batch.sequence_starts[row + 1]])
            sequences[i].num_stored += length
            if shape.window is not None:
                slide(sequences[i], pool, shape.window)
    return [np.concatenate(result) for result in results]


def as_rounded(q: Float32) -> Float32:
    """Queries that are what bfloat16 makes of them, once scaled as the kernel scales them."""
    scale = np.float32(np.float32(1.44269504) / np.sqrt(np.float32(q.shape[2])))
    return widen(round_to_bf16(q * scale)).reshape(q.shape) / scale


def assert_close(name: str, shape: Shape, tokens: tuple[Float32, ...], found: Float32) -> None:
    """Within a bound of the reference on the same numbers.

    A score is a sum of head_dim products: its error is some units of the sum of their magnitudes,
    S, and changes a weight by as large a part. Results are means of values. A rounded weight adds
    a unit of bfloat16.
    """
    q, k, v = tokens
    rounds = name in ROUNDS_QUERIES
    q = as_rounded(q) if rounds else q
    (expected,) = run(shape, [(q, k, v)], [len(q)], reference)
    magnitudes = np.abs(q).max(axis=0).reshape(shape.kv_heads, shape.group, -1)
    largest_sum = np.einsum("kgd,tkd->kgt", magnitudes, np.abs(k)).max() / shape.head_dim**0.5
    bound = 2 * UNIT * (8 + 2 * largest_sum) + BF16_UNIT * rounds
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound * np.abs(v).max(), err_msg=name)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("length", [1, 31, 33, 300])
def test_equals_the_reference(instruction_set: str, shape: Shape, length: int) -> None:
    tokens = random_tokens(shape, length, seed=length)
    (found,) = run(shape, [tokens], [length])
    assert_close(instruction_set, shape, tokens, found)


@given(
    shape=st.builds(
        Shape,
        kv_heads=st.integers(1, 3),
        group=st.integers(1, 8),
        head_dim=st.integers(1, 40).map(lambda half: 2 * half),
        window=st.none() | st.integers(1, 200),
    ),
    lengths=st.lists(st.integers(1, 5 * PAGE_SIZE), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 3 * PAGE_SIZE), min_size=1, max_size=4).filter(any),
    name=st.sampled_from(available_instruction_sets()),
    threads=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_random_schedules_give_the_bits_of_each_sequence_alone(
    shape: Shape, lengths: list[int], cuts: list[int], name: str, threads: int, seed: int
) -> None:
    tokens = [random_tokens(shape, length, seed + i) for i, length in enumerate(lengths)]
    use(name, 1)
    alone = [run(shape, [sequence], [len(sequence[0])])[0] for sequence in tokens]
    use(name, threads)
    together = run(shape, tokens, cuts, seed=seed)
    for sequence, mine, ours in zip(tokens, alone, together, strict=True):
        np.testing.assert_array_equal(ours.view(np.uint32), mine.view(np.uint32))
        assert_close(name, shape, sequence, mine)


@pytest.mark.parametrize(("group", "window"), [(8, None), (3, 2100)])
def test_long_contexts_are_split_alike_whoever_computes(
    instruction_set: str, group: int, window: int | None
) -> None:
    """Several splits of 2,048 keys: tasks of their own for a token alone, else one by one."""
    shape = Shape(1, group, 8, window)
    length = 2200 if instruction_set == "scalar" else 4500  # it is slow
    tokens = random_tokens(shape, length, 5)
    results = []
    for threads, cuts in [(1, [length]), (2, [length - 5, 1]), (3, [1999, 700, 2])]:
        use(instruction_set, threads)
        results.append(run(shape, [tokens], cuts)[0].view(np.uint32))
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


def test_instruction_sets_in_float32_give_the_same_bits() -> None:
    shape = Shape(2, 3, 34, 100)
    tokens = random_tokens(shape, 150, 3)
    results = {}
    for name in available_instruction_sets():
        use(name, 1)
        results[name] = run(shape, [tokens], [70])[0].view(np.uint32)
    for name in set(results) - ROUNDS_QUERIES:
        np.testing.assert_array_equal(results[name], results["scalar"], name)


@dataclass(frozen=True)
class Step:
    """One step of one sequence, all of whose keys and values are stored."""

    q: Float32
    sinks: Float32
    batch: Batch
    pages: KVPages
    table: PageTable


def make_step(shape: Shape, length: int, num_new: int) -> Step:
    q, k, v = random_tokens(shape, length, 1)
    num_pages = -(-length // PAGE_SIZE)
    page_ids = np.arange(num_pages, dtype=np.int32)[None]
    pages = cpu.allocate_pages(num_pages, shape.kv_heads, shape.head_dim)
    everything = np.arange(length, dtype=np.int32)
    cpu.store_kv(k, v, pages, PageTable(page_ids, everything))
    positions = everything[length - num_new :]
    table = PageTable(page_ids, positions)
    starts = np.array([0, num_new], np.int32)
    batch = Batch(positions, positions, starts, table, table, starts[1:] - 1)
    return Step(q[length - num_new :], random_sinks(shape), batch, pages, table)


def attend(step: Step, window: int | None = None) -> Float32:
    y: Float32 = cpu.attention(step.q, step.sinks, step.batch, step.pages, step.table, window)
    return y


def test_the_instruction_set_that_was_asked_for_runs(instruction_set: str) -> None:
    step = make_step(SHAPES[0], 40, 3)
    arguments = step.q, step.sinks, step.batch, step.pages, step.table, None
    assert attention_and_name(*arguments)[1] == instruction_set


def test_sinks_of_any_size(instruction_set: str) -> None:
    """A large sink takes everything, one that is minus infinity nothing."""
    shape = Shape(1, 3, 16, None)
    step = make_step(shape, 50, 2)
    sinks = np.array([-np.inf, 200, -3e38], np.float32)
    y = attend(replace(step, sinks=sinks)).reshape(2, 3, 16)
    assert not y[:, 1].any()
    small = attend(replace(step, sinks=np.full(3, -500, np.float32))).reshape(2, 3, 16)
    np.testing.assert_allclose(y[:, [0, 2]], small[:, [0, 2]], rtol=1e-5, err_msg=instruction_set)
    bf16 = step.sinks.astype(BF16)
    np.testing.assert_array_equal(
        attend(replace(step, sinks=bf16)), attend(replace(step, sinks=widen(bf16)))
    )


def test_scores_far_apart(instruction_set: str) -> None:
    """One key takes everything, the others' weights end below float32's normal numbers."""
    step = make_step(Shape(1, 2, 16, None), 100, 1)
    y = attend(replace(step, q=step.q * 1000, sinks=np.zeros(2, np.float32)))
    values = widen(step.pages.values.view(BF16)).reshape(step.pages.values.shape)
    stored = values.transpose(0, 2, 4, 1, 3).reshape(-1, 16)[:100]
    for head in y.reshape(2, 16):
        assert np.abs(stored - head).max(axis=1).min() <= 2**-8, instruction_set


def test_a_number_that_is_none_stays_with_its_sequence(instruction_set: str) -> None:
    """Also where its page is given to another sequence, which has filled it in part only."""
    shape = Shape(1, 2, 16, None)
    step = make_step(shape, 40, 40)
    bad = np.full((40, 1, 16), np.nan, np.float32)
    cpu.store_kv(bad, bad, step.pages, step.table)
    assert np.isnan(attend(step)).all(), instruction_set
    _, k, v = random_tokens(shape, 40, 2)
    cpu.store_kv(k[:35], v[:35], step.pages, replace(step.table, slots=step.table.slots[:35]))
    positions = step.batch.positions[:35]
    batch = replace(step.batch, positions=positions, sequence_starts=np.array([0, 35], np.int32))
    assert np.isfinite(attend(replace(step, batch=batch, q=step.q[:35]))).all()


def test_sequences_without_tokens(instruction_set: str) -> None:
    step = make_step(SHAPES[2], 70, 3)
    page_ids = np.concatenate([np.full((1, 3), NO_PAGE), step.table.pages] * 2).astype(np.int32)
    batch = replace(step.batch, sequence_starts=np.array([0, 0, 3, 3, 3], np.int32))
    table = replace(step.table, pages=page_ids)
    y = attend(replace(step, batch=batch, table=table), 5)
    np.testing.assert_array_equal(y, attend(step, 5), instruction_set)
    empty = replace(batch, positions=np.empty(0, np.int32), sequence_starts=np.zeros(5, np.int32))
    assert attend(replace(step, q=step.q[:0], batch=empty, table=table)).shape == (0, 96)


def test_keys_and_values_are_rounded_to_the_nearest_bfloat16() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 2 * 32 * 18, np.uint64).astype(np.uint32)
    ties = (bits & np.uint32(0xFFFF0000)) | np.uint32(0x8000)
    numbers = np.where(rng.random(bits.size) < 0.3, ties, bits).view(np.float32)
    k = numbers.reshape(32, 2, 18)
    pages = cpu.allocate_pages(1, 2, 18)
    table = PageTable(np.zeros((1, 1), np.int32), np.arange(32, dtype=np.int32))
    cpu.store_kv(k, k, pages, table)
    expected = round_to_bf16(k).astype(np.float32)
    keys = widen(pages.keys.view(BF16)).reshape(pages.keys.shape)[0].transpose(2, 0, 1, 3)
    np.testing.assert_array_equal(keys.reshape(32, 2, 18), expected)
    values = widen(pages.values.view(BF16)).reshape(pages.values.shape)[0].transpose(1, 3, 0, 2)
    np.testing.assert_array_equal(values.reshape(32, 2, 32)[..., :18], expected)
    assert not values.reshape(32, 2, 32)[..., 18:].any()


def test_bad_arguments_are_refused() -> None:
    step = make_step(SHAPES[2], 70, 3)
    for bad_page in (NO_PAGE, 3, 2**31 - 1):
        page_ids = step.table.pages.copy()
        page_ids[0, 1] = bad_page
        with pytest.raises(ValueError, match="a page that a token sees is not there"):
            attend(replace(step, table=replace(step.table, pages=page_ids)))
        assert attend(replace(step, table=replace(step.table, pages=page_ids)), 4).any()
    with pytest.raises(ValueError, match="page table ends before"):
        attend(replace(step, table=replace(step.table, pages=step.table.pages[:, :2])))
    with pytest.raises(ValueError, match="positions must not be negative"):
        attend(replace(step, batch=replace(step.batch, positions=-step.batch.positions)))
    for starts in ([0, 2], [1, 3], [0, 4], [0, -1]):
        batch = replace(step.batch, sequence_starts=np.array(starts, np.int32))
        with pytest.raises(ValueError, match="sequence_starts must ascend from 0 to the number"):
            attend(replace(step, batch=batch))
    with pytest.raises(ValueError, match="sinks must have the shape"):
        attend(replace(step, sinks=step.sinks[:5]))
    with pytest.raises(ValueError, match="heads must be a multiple"):
        attend(replace(step, q=step.q[:, :5].copy(), sinks=step.sinks[:5]))
    with pytest.raises(ValueError, match="keys must have the shape"):
        attend(replace(step, q=step.q[..., :14].copy()))
    with pytest.raises(TypeError, match="q has the wrong dtype"):
        attend(replace(step, q=step.q.astype(np.float64)))
    with pytest.raises(ValueError, match="q must be contiguous"):
        attend(replace(step, q=np.concatenate([step.q] * 2, axis=1)[:, ::2]))


@pytest.mark.parametrize("slot", [-1, 3 * PAGE_SIZE, 2**31 - 1])
def test_a_slot_outside_the_pages_is_refused(slot: int) -> None:
    step = make_step(SHAPES[2], 70, 3)
    k = np.zeros((1, 2, 16), np.float32)
    table = replace(step.table, slots=np.array([slot], np.int32))
    with pytest.raises(ValueError, match="a slot lies outside the pages"):
        cpu.store_kv(k, k, step.pages, table)
    with pytest.raises(ValueError, match="v must have the shape"):
        cpu.store_kv(k, k[:, :1].copy(), step.pages, step.table)


def test_other_threads_run_meanwhile() -> None:
    """The kernel gives up the GIL: this thread counts while another computes.

    A kernel that kept it would let this thread in before it and after it, which is two turns.
    """
    use("scalar", 1)
    step = make_step(Shape(1, 8, 64, None), 1000, 200)

    def turns_meanwhile() -> int:
        worker = threading.Thread(target=attend, args=(step,))
        worker.start()
        turns = 0
        while worker.is_alive():
            time.sleep(0.001)
            turns += 1
        return turns

    assert any(turns_meanwhile() > 4 for _ in range(20))
