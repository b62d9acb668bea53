"""What is kept of a conversation. Knows messages and files; knows nothing of terminals or HTTP."""

from ossia.agent.persona import PLAIN, opening, persona_named
from ossia.agent.saved import load, place, save, saved_names
from ossia.agent.transcript import Transcript

__all__ = [
    "PLAIN",
    "Transcript",
    "load",
    "opening",
    "persona_named",
    "place",
    "save",
    "saved_names",
]
