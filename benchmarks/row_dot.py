"""How fast ``row_dot_f32_mxfp4w`` reads its weights, beside how fast this machine reads at all.

One thread, rows of 2,880 columns as in gpt-oss, a matrix far larger than the caches. The probe is
NumPy's sum over the same bytes. Rounds go through all of them in turn, so that a noisy neighbour
meets each; medians count.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from ossia.numerics.arrays import Mxfp4Array, NibbleOrder
from ossia.ops.cpu import _kernels, available_instruction_sets

BLOCKS = 90  # 2,880 columns


def make_weight(memory: np.ndarray, layout: str) -> Mxfp4Array:
    """The same bytes as a matrix: scales behind the blocks (Hugging Face), or between (ggml)."""
    rows = memory.size // (17 * BLOCKS)
    if layout == "ggml":
        stored = memory[: rows * 17 * BLOCKS].reshape(rows, BLOCKS, 17)
        return Mxfp4Array(stored[..., 1:], stored[..., 0], NibbleOrder.HALVES)
    end = rows * 16 * BLOCKS
    blocks = memory[:end].reshape(rows, BLOCKS, 16)
    return Mxfp4Array(blocks, memory[end : end + rows * BLOCKS].reshape(rows, BLOCKS))


def make_run(name: str, weight: Mxfp4Array) -> Callable[[], None]:
    """A function that runs the kernel of one instruction set once."""
    x = np.random.default_rng(1).standard_normal(BLOCKS * 32, np.float32)
    y = np.empty(weight.shape[0], np.float32)
    is_halves = weight.nibble_order is NibbleOrder.HALVES

    def run() -> None:
        ran = _kernels.row_dot_f32_mxfp4w(name, weight.blocks, weight.scales, is_halves, x, y)
        assert ran == name

    return run


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the matrix")
    parser.add_argument("--repeat", type=int, default=7, help="rounds")
    arguments = parser.parse_args()

    memory = np.empty(arguments.megabytes * 1_000_000 // 8 * 8, np.uint8)
    pattern = np.random.default_rng(0).integers(112, 128, 1 << 20, np.uint8)  # sane as scales, too
    for start in range(0, memory.size, pattern.size):
        memory[start : start + pattern.size] = pattern[: memory.size - start]

    runs: dict[str, Callable[[], object]] = {"read": memory.view(np.uint64).sum}
    for name in available_instruction_sets():
        for layout in ("hf", "ggml"):
            runs[f"{name} {layout}"] = make_run(name, make_weight(memory, layout))
    seconds: dict[str, list[float]] = {label: [] for label in runs}
    for _ in range(arguments.repeat):
        for label, run in runs.items():
            start_time = time.perf_counter()
            run()
            seconds[label].append(time.perf_counter() - start_time)

    rates = {
        label: memory.size / statistics.median(times) / 1e9 for label, times in seconds.items()
    }
    for label, rate in rates.items():
        sys.stdout.write(f"{label:14} {rate:6.2f} GB/s {rate / rates['read']:7.0%} of read\n")


if __name__ == "__main__":
    main()
