"""What all processes of the sandbox hold together: what no limit of a single process counts.

Reads the sandbox's own /proc. Knows how much is too much; not what is done about it.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_PERIOD = 0.1
_MAPPED_AT_MOST = 8
"""Times the memory that may be held: what is mapped shared and let go is seen nowhere else."""


class Watch:
    """Looks at the processes and folders of the sandbox ten times a second.

    Attributes:
        folders: the writable ones.
    """

    def __init__(self, limits: Mapping[str, float], folders: Sequence[str]) -> None:
        self._limits = limits
        self._folders = folders
        self._last = 0.0

    def excess(self) -> str | None:
        """Which limit is passed (memory, processes or files); None if none, or just looked."""
        now = time.monotonic()
        if now - self._last < _PERIOD:
            return None
        self._last = now
        memory = mapped = threads = 0
        for status in _processes():
            memory += _kib(status, "RssAnon") + _kib(status, "RssShmem") + _kib(status, "VmSwap")
            mapped += _kib(status, "VmSize")
            threads += int(status.get("Threads", "0"))
        if threads > self._limits["processes"]:
            return "processes"
        if max(memory, mapped // _MAPPED_AT_MOST) * 1024 > self._limits["memory"]:
            return "memory"
        if sum(map(_num_files, self._folders)) > self._limits["files"]:
            return "files"
        return None


def _processes() -> Iterator[dict[str, str]]:
    own = str(os.getpid())
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or process.name == own:
            continue
        try:
            lines = (process / "status").read_text("ascii", "replace").splitlines()
        except OSError:  # it ended meanwhile
            continue
        pairs = (line.partition(":\t") for line in lines)
        yield {key: value.strip() for key, _, value in pairs}


def _kib(status: Mapping[str, str], key: str) -> int:
    return int(status.get(key, "0 kB").split()[0])


def _num_files(folder: str) -> int:
    filled = os.statvfs(folder)
    return filled.f_files - filled.f_ffree
