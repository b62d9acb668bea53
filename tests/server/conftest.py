"""nano behind a socket."""

from collections.abc import Iterator

import pytest
from tests.server.small import serving

from ossia.chat import ChatModel
from ossia.server.chat_completions import routes as chat_completions
from ossia.server.completions import routes as completions
from ossia.server.model_list import routes as model_list


@pytest.fixture(scope="session")
def nano() -> Iterator[ChatModel]:
    with ChatModel.load("nano") as model:
        yield model


@pytest.fixture(scope="session")
def address(nano) -> Iterator[str]:
    with serving(nano, chat_completions.routes, completions.routes, model_list.routes) as url:
        yield url
