"""One small model for the room's tests."""

import pytest

import ossia


@pytest.fixture(scope="session")
def model():
    with ossia.load("nano", context=4096) as loaded:
        yield loaded
