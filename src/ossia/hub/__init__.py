"""Models on this machine, by name. Knows names and places; knows nothing of tensors."""

from ossia.hub.expected import Expected, expected_files
from ossia.hub.find import Model, Place, find, meaning, missing, resolve
from ossia.hub.names import EMBEDDED, HubName, OwnName, parse, parse_own
from ossia.hub.personas import Persona

__all__ = [
    "EMBEDDED",
    "Expected",
    "HubName",
    "Model",
    "OwnName",
    "Persona",
    "Place",
    "expected_files",
    "find",
    "meaning",
    "missing",
    "parse",
    "parse_own",
    "resolve",
]
