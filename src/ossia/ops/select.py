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
        detail: how it computes here, such as its instruction set and threads.
        ops: the module itself.
    """

    name: str
    reason: str
    detail: str
    ops: Ops


def select_backend(name: str | None = None) -> Backend:
    """The named backend, else OSSIA_BACKEND's, else the first of PRIORITY that is complete.

    Raises:
        BackendError: the named backend does not exist or cannot run here.
    """
    if name is not None:
        return _load(name, "asked for", "leave --backend out")
    if (named := settings.backend()) is not None:
        return _load(named, "set by OSSIA_BACKEND", "unset OSSIA_BACKEND")
    refusals: list[str] = []
    for candidate in PRIORITY:
        module = import_module(f"ossia.ops.{candidate}")
        if (refusal := _refusal(module)) is None:
            passed_over = f" ({'; '.join(refusals)})" if refusals else ""
            reason = f"the fastest that is complete{passed_over}"
            return _started(candidate, reason, module)
        refusals.append(f"{candidate} {refusal}")
    raise BackendError("no backend can run a model here: " + "; ".join(refusals))


def _load(name: str, reason: str, advice: str) -> Backend:
    if name not in PRIORITY:
        raise BackendError(f"no backend {name!r:.40}; there are: {', '.join(PRIORITY)}")
    module = import_module(f"ossia.ops.{name}")
    if refusal := _refusal(module):
        raise BackendError(
            f"backend {name} {refusal}, so it cannot run a model; {advice} to take one that can"
        )
    return _started(name, reason, module)


def _started(name: str, reason: str, module: object) -> Backend:
    ops = cast("Ops", module)
    return Backend(name, reason, ops.start(), ops)


def _refusal(module: object) -> str | None:
    """Why this module is no complete backend, or None."""
    missing = [op for op in OP_NAMES if not callable(getattr(module, op, None))]
    if len(missing) == len(OP_NAMES):
        return f"has none of the {len(OP_NAMES)} ops yet"
    return f"lacks {len(missing)} of {len(OP_NAMES)} ops: {', '.join(missing)}" if missing else None
