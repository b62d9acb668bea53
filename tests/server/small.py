"""A server of the dialects under test alone, with nano, in a thread: sockets and all are real."""

import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette

from ossia.chat import ChatModel
from ossia.server.context import ServerContext
from ossia.server.errors import RequestError


class OneModel:
    """The models of a server that has one."""

    def __init__(self, model: ChatModel) -> None:
        self.model = model

    def names(self) -> list[str]:
        return ["nano"]

    @asynccontextmanager
    async def lease(self, name: str) -> AsyncGenerator[ChatModel, None]:
        if name != "nano":
            raise RequestError(404, f"there is no model {name!r}", "model_not_found", "model")
        yield self.model


@contextmanager
def serving(model: ChatModel, *dialects: Callable[[ServerContext], list[Any]]) -> Iterator[str]:
    """Serves while the block runs; gives the address."""
    context = ServerContext(OneModel(model))
    app = Starlette(routes=[route for routes in dialects for route in routes(context)])
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
