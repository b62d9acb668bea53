"""ossia from Python: ``ossia.load`` and what it gives.

A face like the command line: it translates what a script says into messages and settings, and
events into values. It decides nothing.
"""

from ossia.api.completion import Completion, ScoredText
from ossia.api.functions import tool
from ossia.api.model import Model, load
from ossia.api.options import Options
from ossia.api.reply import Call, Reply
from ossia.api.talk import Talk

__all__ = [
    "Call",
    "Completion",
    "Model",
    "Options",
    "Reply",
    "ScoredText",
    "Talk",
    "load",
    "tool",
]
