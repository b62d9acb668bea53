"""A persona as the start of a conversation.

Knows what its words and numbers mean, and which are allowed; its file is hub's.
"""

from dataclasses import fields

from ossia import hub
from ossia.agent.equipment import NAMES
from ossia.agent.transcript import Transcript
from ossia.base.errors import InputError
from ossia.chat import Settings
from ossia.chat.model import FOR_PROGRAMS
from ossia.harmony import Effort
from ossia.hub import Persona
from ossia.hub.personas import find_persona, path_of

PLAIN = Persona("nano")
"""No manner at all; which model it is of does not matter to a conversation."""


def persona_named(text: str) -> Persona | None:
    """The persona that the user gave a name; None where a text is no such name.

    Raises:
        InputError: its file is damaged, or says what no conversation can have.
    """
    try:
        name = hub.parse(text)
    except InputError:
        return None
    if not isinstance(name, hub.OwnName) or (persona := find_persona(name)) is None:
        return None
    try:
        opening(persona)
    except InputError as error:
        raise InputError(f"{path_of(name)}: {error}") from None
    return persona


def opening(persona: Persona) -> Transcript:
    """The conversation that a persona begins.

    Raises:
        InputError: it says what no conversation can have; the message tells what is possible.
    """
    try:
        effort = Effort(Effort.MEDIUM if persona.effort is None else persona.effort)
    except ValueError:
        raise InputError(
            f"effort is {persona.effort!r:.40}; expected {', '.join(Effort)}"
        ) from None
    if unknown := [tool for tool in persona.tools if tool not in NAMES]:
        raise InputError(f"no tool {unknown[0]!r:.40}; there are: {', '.join(NAMES)}")
    return Transcript(effort=effort, instructions=persona.system, settings=_settings(persona))


def _settings(persona: Persona) -> Settings:
    names = [each.name for each in fields(Settings) if each.name not in FOR_PROGRAMS]
    known = {name: getattr(Settings(), name) for name in names}
    values: dict[str, int | float] = {}
    for name, value in persona.settings.items():
        if name not in known:
            raise InputError(f"no setting {name!r:.40}; there are: {', '.join(known)}")
        if isinstance(known[name], float):
            values[name] = float(value)
        elif isinstance(value, int):
            values[name] = value
        else:
            raise InputError(f"{name} is a whole number, not {value}")
    return Settings(**values)  # type: ignore[arg-type]
