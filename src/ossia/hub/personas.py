"""Names that the user gave: each a small TOML file that says which model it stands for.

    OSSIA_HOME/names/pirate.toml:

    model = "openai/gpt-oss-20b"      a name as in ``names``, or an absolute path
    system = "You talk like a pirate."
    effort = "low"
    tools = ["browser"]

    [settings]
    temperature = 0.7

With the model alone it is a second name for it; with more it is a persona. Files are also edited by
hand, and so each is read strictly. Knows texts and numbers; what a setting means, and which there
are, ``ossia.agent.persona`` knows.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from ossia.base import settings as environment
from ossia.base.errors import InputError
from ossia.hub.names import EMBEDDED, HubName, OwnName, parse, parse_own
from ossia.hub.writing import explained, locked, write_file

_KEYS = {"model", "system", "effort", "settings", "tools"}
_MAX_BYTES = 1 << 20

Number = int | float


@dataclass(frozen=True)
class Persona:
    """A model with a manner.

    Attributes:
        model: ``nano``, a name on the hub in its long form, or an absolute path.
        system: instructions for every conversation.
        effort: how long to reason, in one word.
        settings: of sampling, by name.
        tools: names of those that it is meant to have.

    Raises:
        InputError: the model is none of the three.
    """

    model: str
    system: str | None = None
    effort: str | None = None
    settings: Mapping[str, Number] = field(default_factory=dict)
    tools: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.model.startswith("/") and "\0" not in self.model:
            return
        name = parse(self.model)
        if not isinstance(name, HubName) and self.model not in EMBEDDED:
            raise InputError(
                f"model is {self.model!r:.80}; expected nano, ORG/NAME or a path from / on"
            )

    @property
    def is_plain(self) -> bool:
        """Whether it is no more than another name."""
        return self == Persona(self.model)


def to_toml(persona: Persona) -> str:
    """The text of a persona's file."""
    document: dict[str, Any] = {"model": persona.model}
    if persona.system is not None:
        document["system"] = persona.system
    if persona.effort is not None:
        document["effort"] = persona.effort
    if persona.tools:
        document["tools"] = list(persona.tools)
    if persona.settings:
        document["settings"] = dict(persona.settings)
    return tomli_w.dumps(document, multiline_strings=True)


def read_persona(path: Path) -> Persona:
    """A persona from a file.

    Raises:
        InputError: it cannot be read, or is no persona; the message says where it is wrong.
    """
    with explained(f"cannot read {path}"):
        if not path.is_file():  # nor a pipe, which would be waited for
            raise InputError(f"{path}: no such file")
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    try:
        if len(data) > _MAX_BYTES:
            raise ValueError(f"larger than {_MAX_BYTES >> 20} MiB")
        return _persona(tomllib.loads(data.decode()))
    except (InputError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no persona: {error!s:.160}") from None


def find_persona(name: OwnName) -> Persona | None:
    """What the user means by a name; None if it was never given.

    Raises:
        InputError: its file is damaged.
    """
    path = path_of(name)
    return read_persona(path) if os.path.lexists(path) else None


def keep(name: OwnName, persona: Persona) -> None:
    """Gives a name.

    Raises:
        InputError: it is given already, or cannot be kept.
        ResourceError: the disk is full.
    """
    parse_own(str(name))
    with locked(_names()):
        if os.path.lexists(path_of(name)):
            raise InputError(
                f"{name} is a name already; choose another, or remove it first: ossia rm {name}"
            )
        write_file(path_of(name), to_toml(persona).encode())


def put(name: OwnName, persona: Persona) -> None:
    """Gives a name, also one that is given already: then it means this from now on.

    Raises:
        InputError: it is no name to give, or cannot be kept.
        ResourceError: the disk is full.
    """
    parse_own(str(name))
    with locked(_names()):
        write_file(path_of(name), to_toml(persona).encode())


def forget(name: OwnName) -> None:
    """Takes a name back. Nothing else is touched.

    Raises:
        InputError: it was not given, or its file cannot be removed.
    """
    with locked(_names()), explained(f"cannot remove {path_of(name)}"):
        if not os.path.lexists(path_of(name)):
            raise InputError(f"nothing here is called {name}")
        path_of(name).unlink()


def personas() -> Iterator[tuple[OwnName, Persona | InputError]]:
    """Every name that was given, in order; of a damaged file the error."""
    for path in sorted(_names().glob("[!.]*.toml")):
        try:
            name = parse_own(path.stem)
        except InputError:
            continue  # no command would find it
        try:
            yield name, read_persona(path)
        except InputError as error:
            yield name, error


def moved(persona: Persona, **changes: Any) -> Persona:
    """A persona like another, but for what is given; ``None`` leaves it as it is."""
    settings = {**persona.settings, **(changes.pop("settings", None) or {})}
    given = {key: value for key, value in changes.items() if value is not None}
    return replace(persona, settings=settings, **given)


def path_of(name: OwnName) -> Path:
    """The file of a name."""
    return _names() / f"{name}.toml"


def _names() -> Path:
    return environment.home() / "names"


def _persona(document: Mapping[str, Any]) -> Persona:
    if strangers := document.keys() - _KEYS:
        raise ValueError(f"it has {min(strangers)!r:.40}; expected {', '.join(sorted(_KEYS))}")
    for key in ("model", "system", "effort"):
        if not isinstance(document.get(key, ""), str):
            raise ValueError(f"{key} is {document[key]!r:.40}; expected text")
    if "model" not in document:
        raise ValueError("it says no model")
    settings = document.get("settings", {})
    if not isinstance(settings, dict):
        raise ValueError("settings is no table")
    for key, value in settings.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"settings.{key:.40} is {value!r:.40}; expected a number")
    tools = document.get("tools", [])
    if not isinstance(tools, list) or not all(isinstance(tool, str) for tool in tools):
        raise ValueError("tools is no list of names")
    told = document["model"], document.get("system"), document.get("effort")
    return Persona(*told, settings, tuple(tools))
