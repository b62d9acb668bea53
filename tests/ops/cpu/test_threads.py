"""How many threads there are, and that the pool's are neither lost nor in each other's way."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from tests.ops.cpu.operands import normal, random_mxfp4

from ossia.base.errors import InputError
from ossia.ops.cpu import _kernels, linear, threads
from ossia.ops.cpu.pack import pack


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OSSIA_THREADS", raising=False)


def siblings(folder: Path, *lists: str) -> str:
    """Files such as Linux has for each processor; their pattern."""
    for number, text in enumerate(lists):
        (folder / f"cpu{number}").write_text(text + "\n")
    return str(folder / "cpu{}")


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, expected in (("1", 1), ("7", 7), ("1024", 1024)):
        monkeypatch.setenv("OSSIA_THREADS", value)
        assert threads.num_threads() == expected
    monkeypatch.setenv("OSSIA_THREADS", "many")
    with pytest.raises(InputError, match="OSSIA_THREADS is 'many'; expected a number from 1"):
        threads.num_threads()


def test_this_machine_has_between_one_and_as_many_as_it_may_use() -> None:
    assert 1 <= threads.num_threads() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("lists", "allowed", "expected"),
    [
        (["0", "1", "2", "3"], {0, 1, 2, 3}, 4),
        (["0-1", "0-1", "2-3", "2-3"], {0, 1, 2, 3}, 2),  # two hardware threads a core
        (["0,2", "1,3", "0,2", "1,3"], {0, 1, 2, 3}, 2),
        (["0-1", "0-1", "2-3", "2-3"], {1, 2}, 2),  # as taskset has it
        (["0-1", "0-1", "2-3", "2-3"], {0, 1}, 1),
        ([], {0, 5, 9}, 3),  # no such files: each processor is a core
    ],
)
def test_hardware_threads_of_a_core_count_once(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    lists: list[str],
    allowed: set[int],
    expected: int,
) -> None:
    monkeypatch.setattr(threads, "_TOPOLOGY", siblings(tmp_path, *lists))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: allowed)
    monkeypatch.setattr(threads, "_container_cores", lambda _: None)
    assert threads.num_threads() == expected


def test_only_cores_that_this_process_may_use_count() -> None:
    """A real affinity, set by the system."""
    program = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    program += "from ossia.ops.cpu.threads import num_threads; print(num_threads())"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "1\n", done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("50000 100000\n", 1),
        ("1000 100000\n", 1),
        ("", None),
        ("nonsense\n", None),
        ("a b\n", None),
        ("1 2 3\n", None),
        ("100000 0\n", None),
    ],
)
def test_a_container_may_have_less(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, expected: int | None
) -> None:
    limits = tmp_path / "cpu.max"
    limits.write_text(text)
    assert threads._container_cores(limits) == expected
    assert threads._container_cores(tmp_path / "none") is None
    read = threads._container_cores
    monkeypatch.setattr(threads, "_container_cores", lambda _: read(limits))
    monkeypatch.setattr(threads, "_num_cores", lambda _: 64)
    assert threads.num_threads() == (64 if expected is None else expected)


def test_without_affinity_all_processors_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on systems that have none."""
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert list(threads._allowed_processors()) == [0]


def test_a_number_of_threads_is_kept_and_never_below_one() -> None:
    for count, expected in ((3, 3), (1, 1), (0, 1)):
        _kernels.set_num_threads(count)
        assert _kernels.num_threads() == expected
    for bad in (-1, 2**70, 1.5, "2"):
        with pytest.raises(TypeError):
            _kernels.set_num_threads(bad)  # type: ignore[arg-type]


def test_callers_at_once_each_get_their_own_numbers() -> None:
    """Several engines in one process; the number of threads changes meanwhile."""
    weight = pack(random_mxfp4(300, 30))
    xs = [normal(1 + 7 * caller, 960, seed=caller) for caller in range(4)]
    _kernels.set_num_threads(1)
    expected = [linear(x, weight) for x in xs]
    wrong: list[int] = []

    def call(caller: int) -> None:
        for turn in range(60):
            _kernels.set_num_threads(1 + (caller + turn) % 4)
            if not (linear(xs[caller], weight) == expected[caller]).all():
                wrong.append(caller)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_an_idle_pool_uses_no_processor() -> None:
    weight, x = pack(random_mxfp4(300, 30)), normal(20, 960)
    _kernels.set_num_threads(4)
    linear(x, weight)
    time.sleep(0.05)
    before = time.process_time()  # of all threads
    time.sleep(0.5)
    assert time.process_time() - before < 0.05


FORK = """
import os, signal, sys, threading
import numpy as np
from ossia.ops.cpu import _kernels, linear
from ossia.ops.cpu.pack import pack
weight = pack(np.random.default_rng(0).standard_normal((320, 960), dtype=np.float32))
x = np.random.default_rng(1).standard_normal((20, 960), dtype=np.float32)
_kernels.set_num_threads(3)
expected = linear(x, weight)  # the pool has threads now
stop = threading.Event()
def keep_the_pool_busy():
    while not stop.is_set():
        linear(x, weight)
busy = threading.Thread(target=keep_the_pool_busy)
busy.start()
for _ in range(8):
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # rather than hang
        same = all((linear(x, weight) == expected).all() for _ in range(20))
        os._exit(0 if same and _kernels.num_threads() == 3 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (linear(x, weight) == expected).all()
stop.set()
busy.join()
print("children computed")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_computes_with_threads_of_its_own() -> None:
    """Also when another thread had the pool at that moment."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "children computed\n", done.stderr


def test_a_process_ends_although_its_pool_waits() -> None:
    program = """
import numpy as np
from ossia.ops.cpu import _kernels, linear
from ossia.ops.cpu.pack import pack
_kernels.set_num_threads(3)
linear(np.zeros((200, 960), np.float32), pack(np.zeros((3200, 960), np.float32)))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_more_threads_than_tasks_and_than_cores() -> None:
    weight, x = pack(random_mxfp4(5, 2)), normal(3, 64)
    _kernels.set_num_threads(1)
    expected = linear(x, weight)
    _kernels.set_num_threads(64)
    wide = pack(random_mxfp4(5000, 2))
    for _ in range(20):
        np.testing.assert_array_equal(linear(x, weight), expected)
        assert linear(x, wide).shape == (3, 5000)
