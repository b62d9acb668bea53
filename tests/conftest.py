"""Fixtures that more than one room needs."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing on a busy machine.
settings.register_profile("ossia", deadline=None)
settings.load_profile("ossia")

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "o200k_base.tiktoken"


@pytest.fixture(scope="session")
def o200k_path() -> Path:
    """The rank file of o200k; a test that asks for it is marked ``o200k``."""
    path = Path(os.environ.get("OSSIA_TEST_O200K") or _SHARED)
    if not path.is_file():
        pytest.skip(f"no rank file at {path}: set OSSIA_TEST_O200K to an o200k_base.tiktoken")
    return path
