"""The cpu backend: compiled kernels (csrc/) on NumPy arrays, for x86-64 and anything else.

So far it has one kernel, the MXFP4 row dot product, which proves the build, the choice of an
instruction set and the tests. It lacks most ops, so ``ops.select`` refuses it by name.
"""

from ossia.ops.cpu.instruction_sets import active_instruction_set, available_instruction_sets
from ossia.ops.cpu.row_dot import row_dot

__all__ = ["active_instruction_set", "available_instruction_sets", "row_dot"]
