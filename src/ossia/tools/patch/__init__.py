"""Patches in the form that the models write, applied to one folder. Knows no policy or faces."""

from ossia.tools.patch.fitting import fit
from ossia.tools.patch.syntax import Change, Deletion, Hunk, Patch, parse
from ossia.tools.patch.tool import PatchTool

__all__ = ["Change", "Deletion", "Hunk", "Patch", "PatchTool", "fit", "parse"]
