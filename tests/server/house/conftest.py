"""A server of these tests alone, which may load models and let them go."""

from collections.abc import Iterator

import httpx
import pytest
from tests.server.process import server_process


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a whole server."""
    home = tmp_path_factory.mktemp("house")
    with (
        server_process(home, "gpt-4o=nano") as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client
