"""How fast this machine reads memory with all threads that kernels use.

Knows bytes and a clock; what share of it a model reaches is for others to say.
"""

import mmap
import time

import numpy as np
from numpy.typing import NDArray

from ossia.base.errors import ResourceError
from ossia.ops.cpu import _kernels

PROBE_BYTES = 1 << 29
"""Far more than any cache holds."""


def probe_memory(nbytes: int = PROBE_BYTES) -> NDArray[np.uint64]:
    """Fresh memory to read from, in huge pages where the system gives them.

    Args:
        nbytes: a multiple of 8.

    Raises:
        ResourceError: the memory is not to be had.
    """
    try:
        memory = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (MemoryError, OSError) as error:
        raise ResourceError(
            f"the bandwidth probe needs {nbytes / 2**20:.0f} MiB of memory, which the system "
            "refused; close other programs"
        ) from error
    memory.madvise(mmap.MADV_HUGEPAGE)
    words = np.frombuffer(memory, np.uint64)
    words.fill(1)  # untouched pages would all be the one page of zeros, and stay in the cache
    return words


def read_bandwidth(memory: NDArray[np.uint64], num_passes: int = 4) -> float:
    """Bytes a second at which all threads read ``memory`` [words], over so many passes.

    A first pass, not counted, wakes threads and maps pages.
    """
    _kernels.xor_words(memory)
    start = time.perf_counter()
    for _ in range(num_passes):
        _kernels.xor_words(memory)
    return num_passes * memory.nbytes / (time.perf_counter() - start)
