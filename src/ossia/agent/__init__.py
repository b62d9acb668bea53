"""What is kept of a conversation. Knows messages and files; knows nothing of terminals or HTTP."""

from ossia.agent.saved import load, place, save, saved_names
from ossia.agent.transcript import Transcript, checked

__all__ = ["Transcript", "checked", "load", "place", "save", "saved_names"]
