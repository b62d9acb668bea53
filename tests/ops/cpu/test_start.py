"""The backend starts as the settings say, and says how."""

import pytest
from tests.ops.cpu.operands import normal

from ossia.base.errors import BackendError, InputError
from ossia.ops import cpu
from ossia.ops.cpu import _kernels, available_instruction_sets
from ossia.ops.cpu.threads import num_threads


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OSSIA_THREADS", raising=False)
    monkeypatch.delenv("OSSIA_ISA", raising=False)


def running() -> str:
    """The instruction set of the kernel that runs now, by its own account."""
    return _kernels.linear_f32_plainw(normal(1, 32), normal(2, 32), None, normal(1, 2))


def test_the_fastest_and_a_thread_a_core_by_default() -> None:
    threads = num_threads()
    words = "1 thread" if threads == 1 else f"{threads} threads"
    assert cpu.start() == f"{available_instruction_sets()[0]}, {words}"
    assert running() == available_instruction_sets()[0]
    assert _kernels.num_threads() == threads


def test_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_THREADS", "1")
    for name in available_instruction_sets():
        monkeypatch.setenv("OSSIA_ISA", name)
        assert cpu.start() == f"{name}, 1 thread"
        assert running() == name
    monkeypatch.setenv("OSSIA_THREADS", "5")
    assert cpu.start() == "scalar, 5 threads"
    assert _kernels.num_threads() == 5
    monkeypatch.delenv("OSSIA_ISA")
    cpu.start()
    assert running() == available_instruction_sets()[0]


def test_what_cannot_be_met_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _kernels.set_num_threads(3)
    monkeypatch.setenv("OSSIA_THREADS", "2")
    monkeypatch.setenv("OSSIA_ISA", "abacus")
    with pytest.raises(BackendError, match="OSSIA_ISA=abacus"):
        cpu.start()
    monkeypatch.setenv("OSSIA_ISA", "scalar")
    monkeypatch.setenv("OSSIA_THREADS", "0")
    with pytest.raises(InputError, match="OSSIA_THREADS"):
        cpu.start()
    assert _kernels.num_threads() == 3
    assert running() == available_instruction_sets()[0]
