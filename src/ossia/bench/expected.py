"""How fast decoding should be on this machine, before a model is loaded, or even here.

A token must read every weight that it uses once, so the memory's bandwidth, measured now, over
those bytes is the most that can be; the share of it that kernels reached was measured elsewhere.
Counts the tiles that the cpu backend packs weights into, from a configuration alone.
"""

import math
from dataclasses import dataclass

from ossia.bench.traffic import Traffic
from ossia.model import Config
from ossia.numerics.tiles import tiles_shape
from ossia.ops.cpu import start as start_kernels
from ossia.ops.cpu.bandwidth import probe_memory, read_bandwidth

SHARES = (0.67, 0.88)
"""Of the bandwidth that decoding reached with the 20b shape (``benchmarks/LOG.md``, entry 5): the
lower where memory is fast beside the cores, the higher where it is slow."""

_FLOAT32, _BFLOAT16 = 4, 2


@dataclass(frozen=True)
class Expectation:
    """An estimate.

    Attributes:
        traffic: what a token reads.
        bandwidth: bytes a second that all threads read now.
    """

    traffic: Traffic
    bandwidth: float

    @property
    def tokens_per_second(self) -> tuple[float, float]:
        """From the lower share to the higher."""
        low, high = (share * self.bandwidth / self.traffic.total for share in SHARES)
        return low, high


def measure_bandwidth() -> float:
    """Bytes a second at which this machine reads memory now.

    Raises:
        OssiaError: the kernels cannot start as the settings say, or there is no memory for a probe.
    """
    start_kernels()
    return read_bandwidth(probe_memory(), num_passes=2)


def expected_traffic(
    config: Config, num_seen: int, item_bytes: int, *, is_mxfp4: bool = True
) -> Traffic:
    """What a token reads that sees ``num_seen`` tokens, itself among them, with packed weights.

    Args:
        item_bytes: of one number of keys and values (``Ops.kv_item_bytes``).
        is_mxfp4: whether the experts are; else they are packed to 8 bits as all else is.
    """
    queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
    hidden, inter = config.hidden, config.inter
    matrices = ((queries, hidden), (keys, hidden), (keys, hidden), (hidden, queries))
    attention = sum(_tiles(rows, columns, False) for rows, columns in matrices)
    attention += _FLOAT32 * (hidden + queries + 2 * keys + hidden + config.heads)
    router = config.num_experts * (_BFLOAT16 * hidden + _FLOAT32) + _FLOAT32 * hidden
    expert = 2 * _tiles(inter, hidden, is_mxfp4) + _tiles(hidden, inter, is_mxfp4)
    expert += _FLOAT32 * (2 * inter + hidden)
    dense = config.num_layers * (attention + router)
    dense += _BFLOAT16 * hidden + _FLOAT32 * hidden  # a row of the embedding; the last norm
    dense += _tiles(config.vocabulary, hidden, False)
    seen = sum(num_seen if window is None else min(num_seen, window) for window in config.windows)
    kv = 2 * keys * item_bytes * seen
    return Traffic(config.num_layers * config.active_experts * expert, dense, kv)


def _tiles(rows: int, columns: int, is_mxfp4: bool) -> int:
    return math.prod(tiles_shape((rows, columns), is_mxfp4, 1))
