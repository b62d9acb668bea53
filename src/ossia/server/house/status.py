"""How the server stands at this moment: what it can do, and what it does for whoever asks.

Knows engines by the sequences under way; nobody's words.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from ossia.base.version import VERSION
from ossia.engine import Engine
from ossia.server.context import ServerContext
from ossia.server.house.catalogue import memory
from ossia.server.models import LocalModels

Json = dict[str, Any]

ROUTES = ("chats", "documents", "harmony", "models", "personas")
"""What there is below ``/ossia/``, as the page looks for it."""


@dataclass(frozen=True)
class _Seen:
    """A request as it was found in an engine."""

    arrival: int
    name: str
    client: str
    num_prompt: int
    num_output: int
    is_running: bool


class Status:
    """Looks into the engines; remembers how far each request was, to tell how fast it goes on."""

    def __init__(self, context: ServerContext, models: LocalModels) -> None:
        self._context, self._models = context, models
        self._before: dict[tuple[str, int], tuple[float, int, float | None]] = {}

    async def told(self, owner: str) -> Json:
        """All of it; of requests those of one owner.

        Args:
            owner: the name of a key; empty where no keys are asked for.
        """
        requests = await self._requests()
        return {
            "version": VERSION,
            "routes": list(ROUTES),
            "tools": sorted(self._context.toolsets.equipment.names),
            "requests": [told for client, told in requests if _is_of(owner, client)],
            "memory": memory(),
        }

    async def _requests(self) -> list[tuple[str, Json]]:
        models = self._models.in_memory()
        found = await asyncio.gather(
            *(asyncio.wrap_future(model.service.inspect(_under_way)) for _, model in models)
        )
        now, before, told = time.monotonic(), self._before, []
        self._before = {}
        for (name, model), seen in zip(models, found, strict=True):
            for each in seen:
                place = name, each.arrival
                speed = _speed(before.get(place), now, each.num_output)
                self._before[place] = now, each.num_output, speed
                row = {
                    "response_id": each.name or None,
                    "model": name,
                    "state": "running" if each.is_running else "waiting",
                    "output_tokens": each.num_output,
                    "tokens_per_s": speed,
                    "context_used": each.num_prompt + each.num_output,
                    "context": model.context,
                }
                told.append((each.client, row))
        return told


def _speed(
    before: tuple[float, int, float | None] | None, now: float, num_output: int
) -> float | None:
    """Tokens a second since the last look; None where there was none, or nothing is made yet."""
    if before is None:
        return None
    moment, num_before, speed = before
    if now - moment < 0.1:  # too little to tell
        return speed
    return (num_output - num_before) / (now - moment) if num_before else None


def _under_way(engine: Engine) -> list[_Seen]:
    return [
        _Seen(
            arrival=each.arrival,
            name=each.request.name,
            client=each.request.client,
            num_prompt=each.num_prompt,
            num_output=each.num_output,
            is_running=bool(each.full_pages),
        )
        for each in engine.under_way
    ]


def _is_of(owner: str, client: str) -> bool:
    """Whether a request is an owner's, who may tell several users apart."""
    return not owner or client == owner or client.startswith(f"{owner}/")
