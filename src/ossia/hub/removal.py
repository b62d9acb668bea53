"""What it means to remove a name, before it is done. Knows names and folders; asks nobody."""

from dataclasses import dataclass
from pathlib import Path

from ossia.base.errors import InputError
from ossia.hub import store
from ossia.hub.cache import cached_folder
from ossia.hub.names import EMBEDDED, HubName, OwnName, parse, short
from ossia.hub.personas import Persona, find_persona, forget, path_of, personas

_MAPS = "proc/[0-9]*/maps"


@dataclass(frozen=True)
class Removal:
    """What will go.

    Attributes:
        name: the user's own name, which is forgotten; or a model, in the store or in the Hugging
            Face cache.
        folder: the model's in the store, which is deleted.
        size: bytes in it.
        outside: what stays: what only this name stands for, or what is in the cache.
    """

    name: OwnName | HubName
    folder: Path | None = None
    size: int = 0
    outside: Path | None = None


def plan_removal(text: str) -> Removal:
    """What removing a name would do. Files that ossia did not pull always stay.

    Raises:
        InputError: it names nothing that can be removed.
    """
    name = parse(text)
    if isinstance(name, HubName):
        return _of_stored(name)
    if text in EMBEDDED:
        raise InputError(f"{text} is a part of ossia and takes 3 MB; it cannot be removed")
    try:
        persona = find_persona(name)
    except InputError:  # damaged: it can be removed all the same
        return Removal(name)
    if persona is None:
        raise InputError(f"nothing here is called {text}; ossia list tells what is here")
    outside = Path(persona.model) if persona.model.startswith("/") else None
    return Removal(name, outside=None if _others(name, persona) else outside)


def carry_out(removal: Removal) -> None:
    """Does it.

    Raises:
        InputError: it cannot be removed, or went meanwhile.
    """
    if removal.folder is not None and isinstance(removal.name, HubName):
        store.remove(removal.name)
    elif isinstance(removal.name, OwnName):
        forget(removal.name)


def processes_with(folder: Path) -> list[int]:
    """Processes that have files of a folder mapped, as far as this user may see."""
    needle = f" {folder.resolve()}/".encode()
    found = []
    for maps in Path("/").glob(_MAPS):
        try:
            if needle in maps.read_bytes():
                found.append(int(maps.parent.name))
        except OSError:
            continue  # another's, or over
    return sorted(found)


def _of_stored(name: HubName) -> Removal:
    folder = store.folder_of(name)
    if not folder.is_dir():
        if (cached := cached_folder(name)) is not None:
            return Removal(name, outside=cached)
        raise InputError(f"{name} is not on this machine")
    for own, persona in personas():
        if isinstance(persona, Persona) and persona == Persona(str(name)):
            raise InputError(
                f"{own} is a second name of {name}; give both, its second name first: "
                f"ossia rm {own} {short(name)}"
            )
    return Removal(name, folder, store.disk_usage(folder))


def _others(name: OwnName, persona: Persona) -> list[OwnName]:
    """Other names that mean the same model."""
    return [
        own
        for own, other in personas()
        if path_of(own) != path_of(name)
        and isinstance(other, Persona)
        and other.model == persona.model
    ]
