import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from ossia.base.errors import BackendError
from ossia.ops.cpu import (
    _kernels,
    active_instruction_set,
    available_instruction_sets,
    instruction_sets,
)

AVX512 = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx2", "fma", "f16c"}
NEEDS = {
    "avx512bf16": AVX512 | {"avx512_bf16"},
    "avx512": AVX512,
    "amx": AVX512 | {"amx_tile", "amx_int8"},
    "avx2": {"avx2", "fma", "f16c"},
    "scalar": set(),
}
"""Flags of Linux's /proc/cpuinfo, which leaves out what the system does not save."""

PROGRAM = """
import numpy as np
from ossia.ops import cpu
from ossia.ops.cpu import _kernels
cpu.start()
x = np.zeros((1, 32), np.float32)
print(_kernels.linear_f32_plainw(x, x, None, np.zeros((1, 1), np.float32)))
"""


def run_program(forced: str | None) -> str:
    """The instruction set that runs in a new process with OSSIA_ISA set so."""
    environment = {name: value for name, value in os.environ.items() if name != "OSSIA_ISA"}
    if forced is not None:
        environment["OSSIA_ISA"] = forced
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_forced_in_a_process_of_its_own() -> None:
    for name in available_instruction_sets():
        assert run_program(name) == name


def test_the_fastest_runs_when_nothing_is_forced() -> None:
    assert run_program(None) == available_instruction_sets()[0]
    assert run_program("") == available_instruction_sets()[0]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86-64 only")
def test_detection_agrees_with_the_operating_system() -> None:
    cpuinfo = Path("/proc/cpuinfo").read_text("utf-8")
    line = next(line for line in cpuinfo.splitlines() if line.startswith("flags"))
    flags = set(line.partition(":")[2].split())
    assert _kernels.compiled_instruction_sets() == list(NEEDS)
    assert available_instruction_sets() == tuple(n for n, need in NEEDS.items() if need <= flags)


def test_scalar_is_always_there_and_last() -> None:
    assert available_instruction_sets()[-1] == "scalar"


def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_ISA", "abacus")
    with pytest.raises(BackendError, match=r"^OSSIA_ISA=abacus: there are no .*available:.*scalar"):
        active_instruction_set()


def test_one_that_the_machine_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # The machine that runs this may lack none, so it is told that it has only the plainest.
    monkeypatch.setattr(instruction_sets, "available_instruction_sets", lambda: ("scalar",))
    lacking = [name for name in _kernels.compiled_instruction_sets() if name != "scalar"]
    for name in lacking:
        monkeypatch.setenv("OSSIA_ISA", name)
        with pytest.raises(BackendError, match=f"^OSSIA_ISA={name}: this machine lacks"):
            active_instruction_set()
