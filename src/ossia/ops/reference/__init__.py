"""The reference backend: every op in NumPy float32, the definition of correct.

It is written to be read and to be bit-exact: a token's numbers do not depend on what else is in
the batch. It keeps nothing between calls and dequantises weights as it meets them.
"""

from ossia.ops.reference.attention import allocate_pages, attention, store_kv
from ossia.ops.reference.experts import experts, route
from ossia.ops.reference.linear import embed, gather_rows, linear
from ossia.ops.reference.norm import rms_norm
from ossia.ops.reference.rope import rope
from ossia.ops.reference.start import kv_item_bytes, pack_together, packing, start

__all__ = [
    "allocate_pages",
    "attention",
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
