"""Landlock: a process gives up rights to files, ports and signals, for itself and its children.

The second wall, behind the namespaces: what is not named may not be written, whatever is mounted
and whoever owns it. Source: the kernel's userspace-api/landlock and include/uapi/linux/landlock.h.
"""

import ctypes
import os
import struct
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION = 1 << 0
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_NUM_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""Rights by version; sixteen since the fifth."""
_TCP = (1 << 0) | (1 << 1)
_SCOPES = (1 << 0) | (1 << 1)
"""Abstract unix sockets and signals reach nobody outside."""

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Which Landlock the kernel has; 0 is none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def restrict(writable: Iterable[str]) -> int:
    """Lets this process and its children write to some folders only, and open no port.

    Returns:
        The version of Landlock that does it; 0 where the kernel has none.

    Raises:
        OSError: the kernel has it and refuses.
    """
    known = version()
    if not known:
        return 0
    rights = (1 << _NUM_FILE_RIGHTS.get(known, 16)) - 1
    words = [rights, _TCP, _SCOPES][: 1 if known < 4 else 2 if known < 6 else 3]
    attributes = struct.pack(f"={len(words)}Q", *words)
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    try:
        _allow(ruleset, "/", _READ)
        for folder in writable:
            _allow(ruleset, folder, rights & ~_IOCTL_DEV)
        for device in _DEVICES:
            _allow(ruleset, device, rights & (_READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV))
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return known


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result
