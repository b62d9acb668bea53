"""How many threads the kernels use: the cores that this process may have.

Knows Linux's files about cores and containers; elsewhere it takes what Python counts.
"""

import math
import os
from collections.abc import Iterable
from pathlib import Path

from ossia.base import settings

_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def num_threads() -> int:
    """OSSIA_THREADS's number, else one for each core that this process may use.

    Hardware threads of one core count once, because they share its arithmetic. A container's limit
    on processor time is respected.

    Raises:
        InputError: OSSIA_THREADS is no number from 1 to 1,024.
    """
    if (asked := settings.num_threads()) is not None:
        return asked
    cores = _num_cores(_allowed_processors())
    quota = _container_cores(Path("/sys/fs/cgroup/cpu.max"))
    return max(1, cores if quota is None else min(cores, quota))


def _allowed_processors() -> Iterable[int]:
    """Those that the system lets this process run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)


def _num_cores(processors: Iterable[int]) -> int:
    """Cores that these processors belong to."""
    return len({_siblings(Path(_TOPOLOGY.format(number)), number) for number in processors})


def _siblings(path: Path, number: int) -> str:
    """What names a processor's core: the list of all its hardware threads."""
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return str(number)


def _container_cores(path: Path) -> int | None:
    """Cores' worth of time that a control group (v2) leaves, rounded up; None without a limit."""
    try:
        quota, period = path.read_text("ascii").split()
        return None if quota == "max" else math.ceil(int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return None
