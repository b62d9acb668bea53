"""Models on this machine, by name. Knows names and places; knows nothing of tensors."""

from ossia.hub.names import EMBEDDED, resolve

__all__ = ["EMBEDDED", "resolve"]
