"""The models as the page shows them: what is here or could be, in memory or not, at which context.

Knows checkpoints by their headers, and engines by their counts; reads no weight.
"""

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ossia import hub
from ossia.base.errors import OssiaError
from ossia.base.memory import available_memory, memory_budget, total_memory
from ossia.checkpoint import open_checkpoint
from ossia.engine import Engine
from ossia.engine.planning import memory_of
from ossia.hub.names import DOWNLOAD_BYTES, short
from ossia.model import Config
from ossia.ops.select import select_backend
from ossia.server.models import Loaded, LocalModels

Json = dict[str, Any]

CONTEXTS = (4_096, 8_192, 16_384, 32_768, 65_536, 131_072)
"""Lengths of conversations that a plan tells of."""


async def catalogue(models: LocalModels) -> Json:
    """All models that may be asked for, and the released ones that are not here yet."""
    running = await _running(models)
    rows = await asyncio.to_thread(lambda: list(_rows(models, running)))
    return {"data": rows, "memory": memory()}


def memory() -> Json:
    """Bytes of this machine or container: all, what is free, and what models may take."""
    return {"total": total_memory(), "free": available_memory(), "budget": memory_budget()}


@dataclass(frozen=True)
class _Running:
    """A model in memory, and bytes of its KV cache that conversations hold or may go on from."""

    loaded: Loaded
    kv_used: int
    kv_cached: int


async def _running(models: LocalModels) -> dict[Path, _Running]:
    """The models in memory, by what they were loaded from."""
    loaded = models.loaded()
    kept = dict(models.in_memory())
    found = await asyncio.gather(
        *(asyncio.wrap_future(kept[each.name].service.inspect(_kv_bytes)) for each in loaded)
    )
    return {
        kept[each.name].source.path: _Running(each, *counts)
        for each, counts in zip(loaded, found, strict=True)
    }


def _kv_bytes(engine: Engine) -> tuple[int, int]:
    """Bytes that requests under way hold, and those that stay for whoever begins likewise."""
    cache, plan = engine.cache, engine.plan
    num_sliding = sum(window is not None for window in engine.config.windows)
    num_full = engine.config.num_layers - num_sliding
    idle, idle_sliding = cache.prefixes.num_idle, cache.prefixes.num_idle_snapshots
    used = cache.full.num_pages - cache.full.num_free - idle
    used_sliding = cache.sliding.num_pages - cache.sliding.num_free - idle_sliding
    return (
        plan.page_bytes * (num_full * used + num_sliding * used_sliding),
        plan.page_bytes * (num_full * idle + num_sliding * idle_sliding),
    )


def _rows(models: LocalModels, running: dict[Path, _Running]) -> Iterator[Json]:
    loading = {each.name: each.share for each in models.loading()}
    here = set()
    for name in models.names():
        try:
            found = hub.find(models.meaning(name) or name)
            row = _described(found.path, running.get(found.path))
        except OssiaError:
            continue  # not whole, or gone: who asks for it by name is told
        here.add(found.on_hub)
        share = {"share": loading[name]} if name in loading else None
        is_persona = found.persona is not None and not found.persona.is_plain
        yield {"name": name, "is_here": True, "persona": is_persona, "loading": share, **row}
    for on_hub, num_bytes in DOWNLOAD_BYTES.items():
        if on_hub not in here:
            yield {
                "name": short(on_hub),
                "is_here": False,
                "persona": False,
                "loading": None,
                "num_bytes": num_bytes,
                "context": None,
                "loaded": None,
                "plan": [],
            }


def _described(path: Path, running: _Running | None) -> Json:
    source = open_checkpoint(path)
    config = Config.from_mapping(source.config)
    weight_bytes = sum(info.nbytes for info in source.tensors.values())
    loaded = None if running is None else running.loaded
    plan = [
        {
            "context": row.context,
            "weights_bytes": weight_bytes,
            "kv_bytes": row.kv_bytes,
            "fits": row.fits if loaded is None else row.context <= loaded.context,
            "num_at_once": row.num_at_once,
        }
        for row in memory_of(config, weight_bytes, CONTEXTS, select_backend().ops.kv_item_bytes())
    ]
    return {
        "num_bytes": sum(file.stat().st_size for file in source.files),
        "context": config.max_context,
        "loaded": None if running is None else _told(running),
        "plan": plan,
    }


def _told(running: _Running) -> Json:
    loaded = running.loaded
    return {
        "weights_bytes": loaded.num_bytes,
        "kv_bytes": loaded.kv_bytes,
        "kv_used_bytes": running.kv_used,
        "kv_cached_bytes": running.kv_cached,
        "context": loaded.context,
        "num_requests": loaded.num_requests,
        "seconds_left": None if math.isinf(loaded.seconds_left) else loaded.seconds_left,
        "holding": loaded.holding,
    }
