"""What the reference backend has to say before it computes: it keeps weights as they are."""

from ossia.numerics.arrays import Array


def start() -> str:
    """See ``Ops.start``."""
    return "NumPy, float32"


def packing() -> str | None:
    """See ``Ops.packing``."""
    return None


def pack_together(weights: tuple[Array, ...]) -> tuple[Array, ...]:
    """See ``Ops.pack_together``."""
    return weights


def kv_item_bytes() -> int:
    """See ``Ops.kv_item_bytes``: float32."""
    return 4
