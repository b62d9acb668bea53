"""How the cpu backend computes on this machine, as the settings say."""

from ossia.ops.cpu import _kernels
from ossia.ops.cpu.instruction_sets import active_instruction_set
from ossia.ops.cpu.threads import num_threads


def start() -> str:
    """See ``Ops.start``: chooses the instruction set and the number of threads.

    Raises:
        BackendError: OSSIA_ISA names an instruction set that is not to be had.
        InputError: OSSIA_THREADS is no number.
    """
    instruction_set, threads = active_instruction_set(), num_threads()
    _kernels.use_instruction_set(instruction_set)
    _kernels.set_num_threads(threads)
    return f"{instruction_set}, {threads} {'thread' if threads == 1 else 'threads'}"
