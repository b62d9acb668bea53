"""A model that is not here yet, as far as it can be told before it is downloaded.

The shapes of the released models are known; whatever else is told of them follows from those.
"""

from ossia.checkpoint import Source, SyntheticCheckpoint, SyntheticShape
from ossia.hub import HubName
from ossia.hub.names import GPT_OSS_20B, GPT_OSS_120B

_SHAPES = {GPT_OSS_20B: "20b", GPT_OSS_120B: "120b"}


def coming_source(name: HubName) -> Source | None:
    """A source of the same shape, whose weights are not to be read; None where it is not known."""
    shape = _SHAPES.get(name)
    return None if shape is None else SyntheticCheckpoint(SyntheticShape.parse(shape))
