"""A whole server over a socket whose model says what is written down; all else is real."""

import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from tests.agent.script import Script

from ossia.agent import Equipment
from ossia.chat import ChatModel
from ossia.server.app import DIALECTS
from ossia.server.context import ServerContext
from ossia.server.models import LocalModels
from ossia.server.toolsets import Toolsets

THINKS = "<|channel|>analysis<|message|>Let me see.<|end|><|start|>assistant"


def runs(code: str) -> str:
    return f"{THINKS}<|channel|>analysis to=python code<|message|>{code}<|call|>"


def browses(name: str, arguments: str) -> str:
    said = f"<|channel|>analysis to=browser.{name} code<|message|>{arguments}<|call|>"
    return f"{THINKS}{said}"


def calls(name: str, arguments: str) -> str:
    said = f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>"
    return f"{THINKS}{said}{arguments}<|call|>"


def says(text: str) -> str:
    return f"<|channel|>final<|message|>{text}<|return|>"


class ScriptedModels(LocalModels):
    """nano, as far as it has to be there; what it says is the script's."""

    script: Script

    @asynccontextmanager
    async def lease(self, name: str, keep_alive: float | None = None) -> AsyncIterator[Any]:
        async with super().lease(name, keep_alive) as model:
            self.name = super().name_of(model)
            self.script.context = model.context
            yield self.script

    def name_of(self, model: ChatModel) -> str:  # noqa: ARG002 - the script is no model
        return self.name


@contextmanager
def scripted_server(nano: ChatModel, equipment: Equipment) -> Iterator[tuple[str, ScriptedModels]]:
    """Its address, and whose ``script`` can be changed."""
    models = ScriptedModels({"nano": "nano"}, keep_alive=-1)
    models.script = Script(nano.tokenizer)
    context = ServerContext(models, toolsets=Toolsets(equipment))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await context.toolsets.aclose()
        await models.aclose(5)

    routes = [route for dialect in DIALECTS for route in dialect.routes(context)]
    app = Starlette(routes=routes, lifespan=lifespan)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", models
    finally:
        server.should_exit = True
        thread.join(30)
