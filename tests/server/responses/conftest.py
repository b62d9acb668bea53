"""Clients whose every answer is checked, and short ways to ask nano."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.server.response_streams import check_events
from tests.server.responses.asking import PATH, SUM, events_of
from tests.server.watched import watched_client


@pytest.fixture(scope="module")
def client(address):
    with watched_client(address) as made:
        yield made


@pytest.fixture(scope="module")
def ask(client) -> Callable[..., Any]:
    def create(**fields: Any) -> Any:
        usual = {"model": "nano", "input": SUM, "max_output_tokens": 400, "temperature": 0}
        return client.responses.create(**usual | fields)

    return create


@pytest.fixture(scope="module")
def stream(address) -> Callable[..., Any]:
    """A stream's events, just as they were sent, checked."""

    def create(**fields: Any) -> list[dict[str, Any]]:
        usual = {"model": "nano", "input": SUM, "max_output_tokens": 400, "temperature": 0}
        events = events_of("POST", f"{address}{PATH}", json=usual | fields | {"stream": True})
        check_events(events)
        return events

    return create
