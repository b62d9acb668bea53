"""How fast the cpu backend attends: decode at four contexts, prefill at two, every instruction set.

The shape is gpt-oss's: 64 query heads, 8 key/value heads, head size 64. Decode is one token of one
layer that sees the whole context, over enough layers that keys and values come from memory; GB/s
counts keys and values once. Prefill is a prompt in chunks of 512 tokens; multiply-adds count the
keys that are seen. Medians; the memory's own speed is read beside every decode, in the same rounds.
"""

import argparse
import statistics
import sys
import time

import numpy as np

from ossia.ops.arrays import PAGE_SIZE, Batch, KVPages, PageTable
from ossia.ops.cpu import _kernels, available_instruction_sets
from ossia.ops.cpu.attention import allocate_pages, attention, store_kv

HEADS, KV_HEADS, HEAD_DIM, CHUNK, LAYERS = 64, 8, 64, 512, 12


def make_layer(context: int) -> tuple[KVPages, np.ndarray]:
    """One layer's pages, full, and the page table's one row, in an order like a real one's."""
    random = np.random.default_rng(0)
    num_pages = -(-context // PAGE_SIZE)
    pages = allocate_pages(num_pages, KV_HEADS, HEAD_DIM)
    page_ids = np.arange(num_pages, dtype=np.int32)[::-1].copy()[None]
    k, v = random.standard_normal((2, PAGE_SIZE, KV_HEADS, HEAD_DIM), np.float32)
    for first in range(0, num_pages * PAGE_SIZE, PAGE_SIZE):
        slots = np.arange(first, first + PAGE_SIZE, dtype=np.int32)
        store_kv(k, v, pages, PageTable(page_ids, slots))
    return pages, page_ids


def make_step(first: int, num_tokens: int, page_ids: np.ndarray) -> tuple[Batch, np.ndarray]:
    """Tokens from position ``first`` on, and their queries."""
    positions = np.arange(first, first + num_tokens, dtype=np.int32)
    starts = np.array([0, num_tokens], np.int32)
    table = PageTable(page_ids, positions)
    batch = Batch(positions, positions, starts, table, table, starts[1:])
    q = np.random.default_rng(1).standard_normal((num_tokens, HEADS, HEAD_DIM), np.float32)
    return batch, q


def time_decode(context: int, repeat: int, window: int | None) -> tuple[float, float]:
    """Seconds of one token in one layer, and bytes a second that memory is read at.

    Layers take turns, so that none stays in the cache.
    """
    num_layers = max(1, min(LAYERS, 131072 * 2 // context))
    layers = [make_layer(context) for _ in range(num_layers)]
    batch, q = make_step(context - 1, 1, layers[0][1])
    sinks = np.zeros(HEADS, np.float32)
    times, rates = [], []
    memory = np.ones(1 << 25, np.uint64)
    for _ in range(repeat):
        start = time.perf_counter()
        for pages, _ in layers:
            attention(q, sinks, batch, pages, batch.full, window)
        end = time.perf_counter()
        _kernels.xor_words(memory)
        times.append((end - start) / num_layers)
        rates.append(memory.nbytes / (time.perf_counter() - end))
    return statistics.median(times), statistics.median(rates)


def time_prefill(context: int, repeat: int, window: int | None) -> float:
    """Seconds of a whole prompt in one layer."""
    pages, page_ids = make_layer(context)
    steps = [make_step(first, CHUNK, page_ids) for first in range(0, context, CHUNK)]
    sinks = np.zeros(HEADS, np.float32)
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        for batch, q in steps:
            attention(q, sinks, batch, pages, batch.full, window)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def print_row(
    what: str, seconds: float, num_bytes: float, num_products: float, rate: float | None = None
) -> None:
    """One line of the table."""
    line = f"{what:32} {seconds * 1e3:9.3f} ms {num_products / seconds / 1e9:7.1f} GMAC/s"
    if rate is not None:
        line += f" {num_bytes / seconds / 1e9:6.1f} of {rate / 1e9:.1f} GB/s"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=7, help="rounds")
    parser.add_argument("--isa", nargs="*", default=list(available_instruction_sets()[:-1]))
    parser.add_argument("--decode", type=int, nargs="*", default=[512, 8192, 32768, 131072])
    parser.add_argument("--prefill", type=int, nargs="*", default=[512, 4096])
    arguments = parser.parse_args()

    _kernels.set_num_threads(arguments.threads)
    for name in arguments.isa:
        _kernels.use_instruction_set(name)
        cases = [(context, None) for context in arguments.decode] + [(512, 128)]
        for context, window in cases:
            seen = window or context
            seconds, rate = time_decode(context, arguments.repeat, window)
            numbers = seen * HEAD_DIM * 2
            label = f"{name} decode {context}" + (f" window {window}" if window else "")
            print_row(label, seconds, 2 * numbers * KV_HEADS, numbers * HEADS, rate)
        for context in arguments.prefill:
            seconds = time_prefill(context, max(1, arguments.repeat // 2), None)
            products = context * (context + 1) / 2 * HEAD_DIM * 2 * HEADS
            print_row(f"{name} prefill {context}", seconds, 0, products)


if __name__ == "__main__":
    main()
