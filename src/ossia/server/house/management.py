"""Models into memory and out of it, from the hub and off the disk; how far each is.

Knows the server's models and the hub; knows no HTTP.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing
from typing import Any

from ossia import hub
from ossia.base.errors import InputError, OssiaError
from ossia.hub.download import pull as download
from ossia.hub.names import is_path
from ossia.hub.remote import describe
from ossia.hub.removal import Removal, carry_out, plan_removal
from ossia.server.errors import RequestError
from ossia.server.models import LocalModels
from ossia.server.openai_errors import error_body, error_of

Json = dict[str, Any]

TICK = 0.2
"""Seconds from one word about loading to the next."""


async def load(
    models: LocalModels, name: str, keep_alive: float | None
) -> AsyncGenerator[Json, None]:
    """Has a model in memory, and tells how far it is; who does not wait leaves it to the others."""
    loading = asyncio.create_task(_leased(models, name, keep_alive))
    try:
        while not loading.done():
            yield state("loading", *models.packed(name))
            await asyncio.wait([loading], timeout=TICK)
        try:
            loading.result()
        except (RequestError, OssiaError) as error:
            yield failed(error)
        else:
            yield state("done", *models.packed(name))
    finally:
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)


async def _leased(models: LocalModels, name: str, keep_alive: float | None) -> None:
    async with models.lease(name, keep_alive):
        pass


async def unload(models: LocalModels, name: str) -> None:
    """Lets a model go; one that is not loaded stays where it is.

    Raises:
        RequestError: there is none of that name, or somebody uses it.
    """
    if not await models.unload(name) and models.is_used(name):
        what = f"{name:.80} answers somebody now; try again when it has"
        raise RequestError(409, what, "model_in_use", "name")


async def delete(models: LocalModels, name: str) -> None:
    """Removes what was pulled, or a name that the user gave.

    Raises:
        RequestError: there is none of that name, or somebody uses it.
        InputError: it is not ossia's to remove.
    """
    if models.meaning(name) is not None:
        what = f"the server was started with {name:.80}; remove it with ossia rm after its end"
        raise RequestError(409, what, "model_in_use", "name")
    removal = await asyncio.to_thread(_planned, name)
    if isinstance(removal.name, hub.HubName):
        if removal.folder is None:
            raise InputError(f"{name} is in the Hugging Face cache, where ossia removes nothing")
        await unload(models, name)
    await asyncio.to_thread(carry_out, removal)


def _planned(name: str) -> Removal:
    if is_path(name):
        raise _no_path(name)
    try:
        return plan_removal(name)
    except InputError as error:
        if _is_here(name):
            raise
        raise RequestError(404, str(error), "model_not_found", "name") from None


def _is_here(name: str) -> bool:
    try:
        hub.find(name)
    except InputError:
        return False
    return True


def pull(name: str) -> Iterator[Json]:
    """Fetches a model and tells how far it is; closing this stops it, and what came is kept.

    Raises:
        RequestError: it is a path.
        InputError: a name that means nothing.
    """
    if is_path(name):
        raise _no_path(name)
    absent = hub.missing(name)
    return _pulled(absent)


def _pulled(absent: hub.HubName | None) -> Iterator[Json]:
    num_all = 0
    if absent is not None:
        try:
            model = describe(absent)
            with closing(download(model)) as steps:
                for step in steps:
                    is_here = step.num_done >= step.num_all
                    num_done = step.num_checked if is_here else step.num_done
                    told = {"note": step.note} if step.note else {}
                    word = "checking" if is_here else "pulling"
                    yield state(word, num_done, step.num_all) | told
            num_all = model.size
        except OssiaError as error:
            yield failed(error)
            return
    yield state("done", num_all, num_all)


def _no_path(name: str) -> RequestError:
    return RequestError(404, f"no model {name!r:.80}: a path is no name", "model_not_found", "name")


def state(word: str, num_done: int = 0, num_all: int = 0) -> Json:
    """How far something is."""
    return {"state": word, "done_bytes": num_done, "total_bytes": num_all}


def failed(error: RequestError | OssiaError) -> Json:
    """That it does not go on, and why."""
    return state("failed") | error_body(error_of(error))
