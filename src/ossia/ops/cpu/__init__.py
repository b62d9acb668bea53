"""The cpu backend: compiled kernels (csrc/) on NumPy arrays, for x86-64 and anything else.

A token's numbers do not depend on what else is in the batch nor on the number of threads, and all
instruction sets give the same bits, except where an op says otherwise.
"""

from ossia.ops.cpu.attention import allocate_pages, attention, kv_item_bytes, store_kv
from ossia.ops.cpu.experts import experts, route
from ossia.ops.cpu.instruction_sets import active_instruction_set, available_instruction_sets
from ossia.ops.cpu.linear import embed, gather_rows, linear
from ossia.ops.cpu.norm import rms_norm
from ossia.ops.cpu.pack import pack_together, packing
from ossia.ops.cpu.rope import rope
from ossia.ops.cpu.start import start

__all__ = [
    "active_instruction_set",
    "allocate_pages",
    "attention",
    "available_instruction_sets",
    "embed",
    "experts",
    "gather_rows",
    "kv_item_bytes",
    "linear",
    "pack_together",
    "packing",
    "rms_norm",
    "rope",
    "route",
    "start",
    "store_kv",
]
