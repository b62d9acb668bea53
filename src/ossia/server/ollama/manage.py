"""Ollama's requests about models themselves: to make, copy, remove and fetch them.

Knows the hub's names and folders; knows no HTTP. What is on disk is read and written here, so
callers that serve others meanwhile do it on a thread.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from ossia import hub
from ossia.agent import opening
from ossia.base.errors import InputError
from ossia.hub.download import pull as download
from ossia.hub.names import is_path
from ossia.hub.personas import find_persona, forget, keep, moved
from ossia.hub.remote import describe
from ossia.hub.removal import carry_out, plan_removal
from ossia.server.errors import RequestError
from ossia.server.ollama import schema
from ossia.server.ollama.catalogue import without_tag
from ossia.server.ollama.translate import persona_settings

_Wire = dict[str, Any]

SUCCESS = {"status": "success"}


def not_found(name: str) -> RequestError:
    """The error whose words Ollama's clients look for."""
    return RequestError(404, f"model '{name:.200}' not found", "model_not_found", "model")


def asked_name(request: schema.NamedRequest) -> str:
    """The name in a request, as the house knows it.

    Raises:
        RequestError: there is none.
    """
    if not request.asked:
        raise RequestError(400, "model is missing", "missing_required_parameter", "model")
    return without_tag(request.asked)


def create(request: schema.CreateRequest) -> None:
    """Makes a persona; one that had the name goes, as Ollama's clients expect.

    Raises:
        RequestError: it asks for what a persona cannot be.
        InputError: the model to start from is not here, or the name means something else.
    """
    own = hub.parse_own(asked_name(request))
    for name in ("files", "adapters", "template", "messages", "quantize", "modelfile"):
        if getattr(request, name):
            raise RequestError(
                400,
                f"{name}: a model is made from another with a system prompt and parameters, and "
                "nothing else; ossia import takes files",
                "unsupported_parameter",
                name,
            )
    if not request.from_:
        raise RequestError(400, "from is missing", "missing_required_parameter", "from")
    base = without_tag(request.from_)
    check_here(base)
    settings = persona_settings(request.parameters or {})
    persona = moved(hub.meaning(base), system=request.system, settings=settings)
    opening(persona)  # refuses what no conversation can have
    if find_persona(own) is not None:
        forget(own)
    keep(own, persona)


def copy(request: schema.CopyRequest) -> None:
    """Gives a model a second name.

    Raises:
        RequestError: there is no such model.
        InputError: the new name is taken, or none.
    """
    source = without_tag(request.source)
    check_here(source)
    keep(hub.parse_own(without_tag(request.destination)), hub.meaning(source))


def delete(name: str) -> None:
    """Removes a model that was pulled, or a name.

    Raises:
        RequestError: there is no such model.
        InputError: it is not ossia's to remove.
    """
    check_here(name)
    removal = plan_removal(name)
    if isinstance(removal.name, hub.HubName) and removal.folder is None:
        raise InputError(f"{name} is in the Hugging Face cache, where ossia removes nothing")
    carry_out(removal)


def check_here(name: str) -> None:
    """What clients may name: models with a name. A path could lead anywhere on this machine.

    Raises:
        RequestError: no model here has this name.
    """
    try:
        found = None if is_path(name) else hub.find(name)
    except InputError:
        found = None
    if found is None or (found.place is hub.Place.DISK and found.own is None):
        raise not_found(name)


def pull(name: str) -> Iterator[_Wire]:
    """Fetches a model; tells how far it is in Ollama's words, ``success`` last.

    Raises:
        RequestError: a name that means nothing.
        OssiaError: the hub has no such model, or cannot be reached, or there is no room.
    """
    if is_path(name):
        raise not_found(name)
    absent = hub.missing(name)
    if absent is None:
        check_here(name)
    yield {"status": "pulling manifest"}
    if absent is not None:
        yield from _pulled(absent)
    yield SUCCESS


def _pulled(name: hub.HubName) -> Iterator[_Wire]:
    model = describe(name)
    line = {"status": f"pulling {model.revision[:12]}", "digest": model.revision}
    with closing(download(model)) as steps:
        for step in steps:
            yield line | {"total": step.num_all, "completed": step.num_done}
    yield {"status": "verifying digests"}
