"""How much memory this process may still use. Knows Linux's files about memory and containers."""

import os


def total_memory() -> int:
    """Bytes of this machine, or of its container."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(machine, _container_limit() or machine)


def memory_budget() -> int:
    """Bytes that may stay in memory for long: 3/4 of it."""
    return total_memory() * 3 // 4


def fits_memory(nbytes: int) -> bool:
    """Whether so much is within the budget."""
    return nbytes < memory_budget()


def available_memory() -> int:
    """Bytes that this process may still use, as the system and its container count them."""
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123 - a kernel interface
            for line in lines:
                if line.startswith("MemAvailable:"):
                    available = int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux: the plain count of free pages stands
    return min(available, _container_memory() or available)


def _container_memory() -> int | None:
    """What a control group (v2) leaves to this process, or None where there is no limit."""
    if (limit := _container_limit()) is None:
        return None
    try:
        with open("/sys/fs/cgroup/memory.current", encoding="ascii") as current:  # noqa: PTH123
            return max(0, limit - int(current.read()))
    except (OSError, ValueError):
        return None


def _container_limit() -> int | None:
    """What a control group (v2) grants to all its processes, or None."""
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as limit:  # noqa: PTH123
            most = limit.read().strip()
            return None if most == "max" else int(most)
    except (OSError, ValueError):
        return None
