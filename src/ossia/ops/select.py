"""Which backend computes, and why. A backend has every op or cannot be selected.

Knows the backends by name and imports one only when it is considered.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import cast

from ossia.base import settings
from ossia.base.errors import BackendError
from ossia.ops.spec import OP_NAMES, Ops

PRIORITY = ("cpu", "reference")
"""Backends from the fastest to the plainest."""


@dataclass(frozen=True)
class Backend:
    """A selected backend.

    Attributes:
        name: its name, such as ``reference``.
        reason: why this one, in words for the user.
        ops: the module itself.
    """

    name: str
    reason: str
    ops: Ops


def select_backend(name: str | None = None) -> Backend:
    """The named backend, else OSSIA_BACKEND's, else the first of PRIORITY that is complete.

    Raises:
        BackendError: the named backend does not exist or cannot run here.
    """
    asked = name or settings.backend()
    if asked is not None:
        return _load_asked(asked, "asked for" if name else "set by OSSIA_BACKEND")
    refusals: list[str] = []
    for candidate in PRIORITY:
        module = import_module(f"ossia.ops.{candidate}")
        refusal = _refusal(module)
        if refusal is None:
            reason = "; ".join([*refusals, "the best that can run here"])
            return Backend(candidate, reason, cast("Ops", module))
        refusals.append(f"{candidate} {refusal}")
    raise BackendError("no backend can run here: " + "; ".join(refusals))


def _load_asked(name: str, reason: str) -> Backend:
    if name not in PRIORITY:
        raise BackendError(f"no backend {name!r}; there are: {', '.join(PRIORITY)}")
    module = import_module(f"ossia.ops.{name}")
    if refusal := _refusal(module):
        raise BackendError(f"backend {name} {refusal}; leave --backend out to use what works")
    return Backend(name, reason, cast("Ops", module))


def _refusal(module: object) -> str | None:
    """Why this module is no complete backend, or None."""
    missing = [op for op in OP_NAMES if not callable(getattr(module, op, None))]
    return f"lacks {len(missing)} of {len(OP_NAMES)} ops" if missing else None
