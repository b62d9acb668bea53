"""How much memory this process may still use. Knows Linux's files about memory and containers."""

import os


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
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as limit:  # noqa: PTH123
            most = limit.read().strip()
        with open("/sys/fs/cgroup/memory.current", encoding="ascii") as current:  # noqa: PTH123
            used = int(current.read())
    except (OSError, ValueError):
        return None
    return None if most == "max" else max(0, int(most) - used)
