"""The ``python`` tool: code that a model wrote, run where it can harm nothing.

``tool`` is what the conversation sees, ``probe`` says what protects, ``sandbox`` and ``seccomp``
are the walls, ``session`` speaks with what is inside: ``guest``.
"""

from ossia.tools.python.interpreter import Interpreter, find
from ossia.tools.python.limits import Limits
from ossia.tools.python.probe import Protection
from ossia.tools.python.tool import PythonTool

__all__ = ["Interpreter", "Limits", "Protection", "PythonTool", "find"]
