"""Hands for the model: each a ``Tool``. Knows what calls do; not who calls, or whether they may."""

from ossia.tools.tool import Action, Call, Deed, Page, Picture, Result, Tool

__all__ = ["Action", "Call", "Deed", "Page", "Picture", "Result", "Tool"]
