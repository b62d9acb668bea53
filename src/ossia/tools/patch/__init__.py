"""Patches in the form that the models write. Knows their text and lines; not files or folders."""

from ossia.tools.patch.fitting import fit
from ossia.tools.patch.syntax import Change, Deletion, Hunk, Patch, parse

__all__ = ["Change", "Deletion", "Hunk", "Patch", "fit", "parse"]
