"""The filter against the kernel's own tables, and by what it does to calls that a process makes."""

import re
from pathlib import Path

import pytest

from ossia.tools.python.seccomp import CHECKED, DENIED, LAST, program

from .notebook import text

HEADERS = {
    "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "aarch64": "/usr/include/asm-generic/unistd.h",
}


@pytest.mark.parametrize("machine", HEADERS)
def test_numbers_are_the_kernels(machine: str) -> None:
    header = Path(HEADERS[machine])
    if not header.is_file():
        pytest.skip(f"no {header}: install linux-libc-dev")
    told = header.read_text("utf-8")
    numbers = {
        name: int(number)
        for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", told)
    }
    column = list(LAST).index(machine)
    ours = {name: pair[column] for name, pair in {**DENIED, **CHECKED}.items()}
    newest = max(numbers.values())
    wrong = {
        name: number
        for name, number in ours.items()
        if number is not None and numbers.get(name, number) != number
    }
    newer = {name: number for name, number in ours.items() if name not in numbers and number}
    assert not wrong
    assert all(number > newest for number in newer.values()), newer  # than the headers here


def test_no_filter_where_the_numbers_are_not_known() -> None:
    assert program("riscv64") is None
    for machine in LAST:
        filter_ = program(machine)
        assert filter_ is not None
        assert len(filter_) % 8 == 0
        assert len(filter_) // 8 < 4096  # the kernel's bound


CALLS = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    return errno.errorcode.get(ctypes.get_errno(), result)
"""


def test_denied_calls_fail_before_the_kernel_looks_at_them() -> None:
    """Every argument is nonsense, for which the kernel would have another error."""
    numbers = text(
        CALLS
        + f"""
import platform
column = {list(LAST)}.index(platform.machine())
calls = {{name: pair[column] for name, pair in {DENIED}.items() if pair[column] is not None}}
results = {{name: call(number, -1, -1, -1) for name, number in calls.items()}}
{{name: result for name, result in results.items() if result != "EPERM"}}
"""
    )
    assert numbers == "{}"


def test_calls_that_depend_on_an_argument() -> None:
    shown = text(
        CALLS
        + f"""
import platform
column = {list(LAST)}.index(platform.machine())
number = {{name: pair[column] for name, pair in {CHECKED}.items()}}
[
    *(call(number["clone"], flag) for flag in (0x10000000, 0x20000, 0x40000000 | 17)),
    call(number["clone3"], 0, 0),
    *(call(number["socket"], family, 1, 0) for family in (2, 10, 16, 17, 38, 40)),
    call(number["socketpair"], 2, 1, 0, 0),
    *(call(number["ioctl"], 0, code, 0) for code in (0x5412, 0x541C, 0x5412 | 1 << 32)),
    call(number["personality"], 0x0040000),
    call(number["personality"], 0xFFFFFFFF),
    call(number["prlimit64"], 1, 7, 0, 0),
    *(call(beyond, 0) for beyond in (463, 470, 1000, 0x40000000 + 39)),
]
"""
    )
    assert shown == str(
        [
            *["EPERM"] * 3,
            "ENOSYS",
            *["ENETUNREACH"] * 7,
            *["EPERM"] * 3,
            "EPERM",
            0,
            "EPERM",
            *["ENOSYS"] * 4,
        ]
    )
