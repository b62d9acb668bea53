"""The kernels are tested once for each instruction set that this machine has."""

from collections.abc import Iterator

import pytest

from ossia.ops.cpu import _kernels, active_instruction_set, available_instruction_sets


@pytest.fixture(params=available_instruction_sets())
def instruction_set(request: pytest.FixtureRequest) -> str:
    """Each instruction set in turn; a kernel that ran tells its name, for a test to compare."""
    name: str = request.param
    _kernels.use_instruction_set(name)
    return name


@pytest.fixture(autouse=True)
def kernels_as_they_were() -> Iterator[None]:
    """Whatever a test sets, the next one finds the threads and the kernels of this machine."""
    before = _kernels.num_threads()
    yield
    _kernels.set_num_threads(before)
    _kernels.use_instruction_set(active_instruction_set())
