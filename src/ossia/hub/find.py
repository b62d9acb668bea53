"""Where a model is: what a name, or a path, leads to on this machine.

A name is looked for among the user's own, then in ossia's store, then in the Hugging Face cache; it
wins over a file or folder that is called the same. Knows places; does not know what is in them.
"""

import contextlib
import os
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from ossia.base.errors import InputError
from ossia.hub import store
from ossia.hub.cache import cached_folder, quantized_file
from ossia.hub.names import (
    ALIASES,
    DOWNLOAD_BYTES,
    EMBEDDED,
    HubName,
    OwnName,
    is_path,
    parse,
    short,
)
from ossia.hub.personas import Persona, find_persona, path_of, personas


class Place(StrEnum):
    """Whose folder a model is in."""

    PACKAGE = "inside the package"
    STORE = "pulled by ossia"
    CACHE = "in the Hugging Face cache"
    DISK = "on this disk"


@dataclass(frozen=True)
class Model:
    """A model that is here.

    Attributes:
        path: the file or folder that ``checkpoint`` opens.
        on_hub: what the hub calls it, where that is known.
        own: the user's name that led here.
        persona: what that name says.
    """

    path: Path
    place: Place
    on_hub: HubName | None = None
    own: OwnName | None = None
    persona: Persona | None = None


def resolve(text: str) -> Path:
    """The file or folder of a model, by name or path, in order to run it.

    Raises:
        InputError: it is not here; the message says how to get it, if it is known.
    """
    model = find(text)
    if model.on_hub is not None and model.place is Place.STORE:
        store.mark_used(store.folder_of(model.on_hub))
    if model.own is not None:
        _touch(path_of(model.own))
    return model.path


def find(text: str) -> Model:
    """The model that a text means; leaves no trace.

    Raises:
        InputError: as ``resolve``.
    """
    match _search(text):
        case Model() as model:
            return model
        case name:
            raise InputError(_absence(text, name))


def missing(text: str) -> HubName | None:
    """What must be pulled before a text means a model here; None where nothing need be.

    Raises:
        InputError: a text that means nothing, here or on the hub.
    """
    found = _search(text)
    return found if isinstance(found, HubName) else None


def meaning(text: str) -> Persona:
    """What a text means, so that it can be kept: the model's long name, or its whole path.

    Raises:
        InputError: it means nothing, here or on the hub.
    """
    found = _search(text)
    if isinstance(found, HubName):  # not here
        name = parse(text)
        persona = find_persona(name) if isinstance(name, OwnName) else None
        return persona or Persona(str(found))
    if found.persona is not None:
        return found.persona
    if found.place is Place.PACKAGE:
        return Persona(text)
    return Persona(str(found.on_hub or found.path.absolute()))


def _search(text: str) -> Model | HubName:
    """The model; or of one that is not here, what the hub calls it."""
    name: HubName | OwnName | None = None
    refusal: InputError | None = None
    if not is_path(text):
        try:
            name = parse(text)
        except InputError as error:
            refusal = error
    found = None if name is None else _named(name)
    if isinstance(found, Model):
        return found
    if (path := _existing(text)) is not None:
        return Model(path, Place.DISK)
    if found is not None:
        return found
    raise refusal or InputError(_unknown(text))


def _named(name: HubName | OwnName) -> Model | HubName | None:
    if isinstance(name, HubName):
        return _on_hub(name)
    if str(name) in EMBEDDED:
        return Model(EMBEDDED[str(name)], Place.PACKAGE)
    if (persona := find_persona(name)) is None:
        return None
    return _meant(name, persona)


def _meant(own: OwnName, persona: Persona) -> Model | HubName:
    """What the user's name stands for."""
    if persona.model in EMBEDDED:
        return Model(EMBEDDED[persona.model], Place.PACKAGE, None, own, persona)
    if persona.model.startswith("/"):
        if (path := _existing(persona.model)) is None:
            raise InputError(
                f"{own} stands for {persona.model}, which is not there now; "
                f"ossia rm {own} forgets the name"
            )
        return Model(path, Place.DISK, None, own, persona)
    name = parse(persona.model)
    assert isinstance(name, HubName), "a persona checks what its model is"
    match _on_hub(name):
        case Model(path, place):
            return Model(path, place, name, own, persona)
    return name


def _on_hub(name: HubName) -> Model | HubName:
    if store.find_manifest(name) is not None:
        folder = store.folder_of(name)
        file = name.quantization and quantized_file(folder, name.quantization)
        return Model(file or folder, Place.STORE, name)
    if (path := cached_folder(name)) is not None:
        return Model(path, Place.CACHE, name)
    return name


def _existing(text: str) -> Path | None:
    """The path that a text spells, if something is there."""
    try:
        path = Path(text).expanduser() if text else None
        return path if path is not None and path.exists() else None
    except (OSError, ValueError, RuntimeError):  # no name of a file, or of no user's home
        return None


def _absence(text: str, name: HubName) -> str:
    size = DOWNLOAD_BYTES.get(name)
    how_much = f" ({size / 1e9:.1f} GB)" if size else ""
    nor = f", nor is there a file or folder {text:.100}" if text == str(name) and not size else ""
    return f"{name} is not on this machine{nor}; get it with: ossia pull {short(name)}{how_much}"


def _unknown(text: str) -> str:
    given = [str(name) for name, _ in personas()]
    near = get_close_matches(text, [*EMBEDDED, *ALIASES, *given], n=1)
    if is_path(text):
        return f"no model {text!r:.200}: there is no such file or folder"
    hint = f"; did you mean {near[0]}?" if near else "; ossia list tells what is here"
    return f"no model {text!r:.200}: no name that is known, and no file or folder{hint}"


def _touch(path: Path) -> None:
    with contextlib.suppress(OSError):  # in a folder that only others may write
        os.utime(path)
