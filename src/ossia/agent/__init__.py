"""What is kept of a conversation. Knows messages and files; knows nothing of terminals or HTTP."""

from ossia.agent.saved import load, place, save, saved_names
from ossia.agent.transcript import Transcript

__all__ = ["Transcript", "load", "place", "save", "saved_names"]
