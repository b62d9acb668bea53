"""The kernels are tested once for each instruction set that this machine has."""

import pytest

from ossia.ops.cpu import available_instruction_sets


@pytest.fixture(params=available_instruction_sets())
def instruction_set(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each instruction set in turn, forced as a user would."""
    name: str = request.param
    monkeypatch.setenv("OSSIA_ISA", name)
    return name
