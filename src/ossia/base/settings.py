"""Every environment variable that ossia reads, and nothing else reads one.

Each is a function, so that a test or a script may change the environment at any time.
"""

import os
from pathlib import Path


def home() -> Path:
    """OSSIA_HOME: where chats and history are kept; default ``$XDG_DATA_HOME/ossia``."""
    if value := os.environ.get("OSSIA_HOME"):
        return Path(value).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "ossia"


def backend() -> str | None:
    """OSSIA_BACKEND: the backend to use instead of the best one that works here."""
    return os.environ.get("OSSIA_BACKEND") or None


def instruction_set() -> str | None:
    """OSSIA_ISA: the instruction set that the C++ kernels must use (scalar, avx2, avx512)."""
    return os.environ.get("OSSIA_ISA") or None


def current_date() -> str | None:
    """OSSIA_DATE: the date told to the model (YYYY-MM-DD) instead of today."""
    return os.environ.get("OSSIA_DATE") or None
