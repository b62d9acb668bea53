"""Which of the compiled instruction sets the kernels use on this machine."""

from functools import cache

from ossia.base import settings
from ossia.base.errors import BackendError
from ossia.ops.cpu import _kernels


@cache
def available_instruction_sets() -> tuple[str, ...]:
    """Those that this processor has and this operating system allows, the fastest first."""
    return tuple(_kernels.available_instruction_sets())


def active_instruction_set() -> str:
    """The one that kernels use: OSSIA_ISA's, else the fastest.

    Raises:
        BackendError: OSSIA_ISA names one that is unknown or that this machine lacks.
    """
    available = available_instruction_sets()
    asked = settings.instruction_set()
    if asked is None:
        return available[0]
    if asked in available:
        return asked
    known = asked in _kernels.compiled_instruction_sets()
    what = "this machine lacks" if known else "there are no kernels for"
    raise BackendError(f"OSSIA_ISA={asked}: {what} it; available: {', '.join(available)}")
