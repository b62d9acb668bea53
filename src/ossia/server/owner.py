"""What the server's owner asks of it: which models are in memory, letting one go, how it fares.

Behind ``ossia ps``, ``ossia stop`` and ``/metrics``. Knows models and counts; nobody's words.
"""

import asyncio
import math
from collections.abc import Iterator
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ossia.engine import Engine
from ossia.server.errors import RequestError
from ossia.server.models import LocalModels
from ossia.server.openai_http import refusal

_COUNTS = {
    "num_requests": "requests taken",
    "prompt_tokens": "tokens of prompts that began",
    "cached_tokens": "those of them that were known",
    "output_tokens": "tokens made",
    "forced_tokens": "those of them without a choice",
    "draft_tokens": "tokens guessed",
    "accepted_tokens": "those of them that came",
    "num_steps": "passes through the model",
    "step_tokens": "tokens run in them",
    "num_preempted": "conversations that gave up their pages for others",
    "num_evicted": "pages given up",
    "num_restored": "pages read from disk",
}


def owner_routes(models: LocalModels) -> list[Route]:
    """The routes."""

    async def listing(_request: Request) -> Response:
        rows = [asdict(each) for each in models.loaded()]
        for row in rows:
            if math.isinf(row["seconds_left"]):
                row["seconds_left"] = None
        return JSONResponse({"models": rows})

    async def stopping(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            is_gone = await models.unload(name)
        except RequestError as error:
            return refusal(error)
        return JSONResponse({"name": name, "unloaded": is_gone})

    async def metrics(_request: Request) -> Response:
        lines = [line for name, counts in await _counts(models) for line in _lines(name, counts)]
        text = "\n".join((*_heads(), *lines)) + "\n"
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    return [
        Route("/ossia/loaded", listing),
        Route("/ossia/loaded/{name:path}", stopping, methods=["DELETE"]),
        Route("/metrics", metrics),
    ]


async def _counts(models: LocalModels) -> list[tuple[str, dict[str, float]]]:
    """Each loaded model's counts, taken between two of its steps."""
    pairs = models.in_memory()
    found = await asyncio.gather(
        *(asyncio.wrap_future(model.service.inspect(_look)) for _, model in pairs)
    )
    return [(name, counts) for (name, _), counts in zip(pairs, found, strict=True)]


def _look(engine: Engine) -> dict[str, float]:
    counts = {name: float(getattr(engine.metrics, name)) for name in _COUNTS}
    counts |= {f"ends:{end}": float(count) for end, count in engine.metrics.ends.items()}
    full = engine.cache.full
    return counts | {
        "running": engine.num_running,
        "waiting": engine.num_waiting,
        "pages": full.num_pages,
        "pages_used": full.num_pages - full.num_free - engine.cache.prefixes.num_idle,
        "pages_cached": engine.cache.prefixes.num_idle,
    }


def _heads() -> Iterator[str]:
    for name, text in _COUNTS.items():
        yield f"# HELP ossia_{name}_total {text}"
        yield f"# TYPE ossia_{name}_total counter"


def _lines(model: str, counts: dict[str, float]) -> Iterator[str]:
    label = model.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    for name, value in counts.items():
        if name in _COUNTS:
            yield f'ossia_{name}_total{{model="{label}"}} {value:g}'
        elif name.startswith("ends:"):
            yield f'ossia_ends_total{{model="{label}",end="{name[5:]}"}} {value:g}'
        else:
            yield f'ossia_{name}{{model="{label}"}} {value:g}'
