"""nano behind a socket, in a process of its own."""

from collections.abc import Iterator

import pytest
from tests.server.process import server_process


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a whole server."""
    with server_process(tmp_path_factory.mktemp("home"), "gpt-oss:20b=nano") as url:
        yield url
