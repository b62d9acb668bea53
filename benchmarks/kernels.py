"""How fast matrix products run on the cpu backend: every kernel, one token and a chunk of a prompt.

The shapes are gpt-oss's: 2,880 columns, 4 of 32 experts of 2,880 rows. One token reads each weight
once: GB/s counts what it reads, beside the probe of the same memory in the same rounds. A chunk of
512 tokens is bound by arithmetic: GMAC/s counts multiply-adds. Matrices are far larger than the
caches, rounds go through all runs in turn, so that a noisy neighbour meets each; medians count.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ossia.numerics.arrays import Array, Mxfp4Array, Q8Array, TiledArray
from ossia.ops.cpu import _kernels, available_instruction_sets, experts, linear
from ossia.ops.cpu.bandwidth import probe_memory
from ossia.ops.cpu.pack import pack

COLUMNS, EXPERTS, ACTIVE = 2880, 32, 4
ROWS = 40_000  # of a dense matrix: 60 MB in MXFP4, 230 MB in bfloat16


@dataclass(frozen=True)
class Run:
    """Something to time: what it reads and computes."""

    label: str
    call: Callable[[], object]
    nbytes: int
    products: int


def dense_weights() -> dict[str, Array]:
    """A matrix [rows, columns] in every form that a kernel reads, by the kernel's name."""
    random = np.random.default_rng(0)
    blocks = random.integers(0, 256, (ROWS, COLUMNS // 32, 16), np.uint8)
    fours = Mxfp4Array(blocks, random.integers(112, 128, blocks.shape[:2], np.uint8))
    values = random.integers(-127, 128, (ROWS, COLUMNS // 32, 32), np.int8)
    eights = Q8Array(values, random.uniform(0.001, 0.01, values.shape[:2]).astype(np.float16))
    plain = random.standard_normal((ROWS // 4, COLUMNS), np.float32)
    return {
        "linear_q8_tiles mxfp4": pack(fours),
        "linear_q8_tiles q8": pack(eights),
        "linear_f32_mxfp4w": fours,
        "linear_f32_q8w": eights,
        "linear_f32_plainw f32": plain,
        "linear_f32_plainw f16": plain.astype(np.float16),
    }


def expert_weights() -> tuple[TiledArray, TiledArray, TiledArray]:
    """Gate, up and down of one layer."""
    random = np.random.default_rng(1)
    blocks = random.integers(0, 256, (EXPERTS, COLUMNS, COLUMNS // 32, 16), np.uint8)
    packed = pack(Mxfp4Array(blocks, np.full(blocks.shape[:3], 120, np.uint8)))
    copies = [TiledArray(packed.tiles.copy(), COLUMNS, COLUMNS)] * 2
    return packed, copies[0], pack(Mxfp4Array(blocks, np.full(blocks.shape[:3], 119, np.uint8)))


def runs(tokens: int) -> Iterator[Run]:
    """All kernels on so many tokens."""
    random = np.random.default_rng(2)
    x = random.standard_normal((tokens, COLUMNS), np.float32)
    for label, weight in dense_weights().items():
        yield Run(
            label, lambda w=weight: linear(x, w), weight.nbytes, tokens * weight.shape[0] * COLUMNS
        )
    gate, up, down = expert_weights()
    ids = np.stack([random.permutation(EXPERTS)[:ACTIVE] for _ in range(tokens)]).astype(np.int32)
    shares = np.full(ids.shape, 1 / ACTIVE, np.float32)
    bias = np.zeros((EXPERTS, COLUMNS), np.float32)
    used = len(np.unique(ids))
    yield Run(
        "experts_q8_tiles",
        lambda: experts(x, ids, shares, gate, bias, up, bias, down, bias, 7.0),
        (gate.nbytes + up.nbytes + down.nbytes) * used // EXPERTS,
        3 * tokens * ACTIVE * COLUMNS * COLUMNS,
    )


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=7, help="rounds")
    parser.add_argument("--isa", nargs="*", default=list(available_instruction_sets()[:-1]))
    parser.add_argument("--tokens", type=int, nargs="*", default=[1, 512])
    arguments = parser.parse_args()

    _kernels.set_num_threads(arguments.threads)
    memory = probe_memory()
    probe = Run("memory", lambda: _kernels.xor_words(memory), memory.nbytes, 0)
    for tokens in arguments.tokens:
        measured = [probe, *runs(tokens)]
        for name in arguments.isa:
            _kernels.use_instruction_set(name)
            print_table(f"{name}, tokens: {tokens}", measured, arguments.repeat)


def print_table(title: str, measured: list[Run], repeat: int) -> None:
    """Times all runs in turn, and prints a line for each."""
    seconds: dict[str, list[float]] = {run.label: [] for run in measured}
    for _ in range(repeat):
        for run in measured:
            start = time.perf_counter()
            run.call()
            seconds[run.label].append(time.perf_counter() - start)
    sys.stdout.write(f"{title}\n")
    read = measured[0].nbytes / statistics.median(seconds[measured[0].label])
    for run in measured:
        median = statistics.median(seconds[run.label])
        rate = run.nbytes / median
        sys.stdout.write(
            f"  {run.label:24} {median * 1e3:9.2f} ms {rate / 1e9:7.1f} GB/s "
            f"{rate / read:5.0%} of memory {run.products / median / 1e9:8.1f} GMAC/s\n"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
