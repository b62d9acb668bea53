"""What the first process does to itself before any code of the model exists, and what it sees then.

Linux only. A Python without ``ctypes`` cannot do it, and the sandbox does not start.
"""

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import landlock

_PR_SET_DUMPABLE = 4
_libc = ctypes.CDLL(None, use_errno=True)


def set_dumpable(is_dumpable: bool) -> None:
    """Whether others of the same user may look at this process and its memory.

    Raises:
        OSError: the kernel refuses.
    """
    if _libc.prctl(_PR_SET_DUMPABLE, int(is_dumpable), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def protect(writable: Sequence[str]) -> int:
    """Closes this process to the others, and all of them to what is not named.

    Returns:
        The version of Landlock that does it; 0 where the kernel has none.
    """
    set_dumpable(False)
    return landlock.restrict(writable)


def seen() -> dict[str, Any]:
    """How this process stands, by its own eyes."""
    status = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    lines = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    devices = Path("/proc/net/dev").read_text("ascii", "replace").splitlines()
    networks = sorted(line.split(":")[0].strip() for line in devices if ":" in line)
    return {
        "pid": os.getpid(),
        "seccomp": int(lines.get("Seccomp", "0")),
        "has_capabilities": int(lines["CapEff"], 16) != 0,
        "can_gain_privileges": lines.get("NoNewPrivs") != "1",
        "networks": networks,
    }
