"""Files to named tensors and back. It knows layouts; it does not know what a tensor is for.

``open_checkpoint`` reads any layout, ``SyntheticCheckpoint`` draws one from a seed, ``convert``
writes either in any layout. All three meet in ``Source``.
"""

from ossia.checkpoint.convert import convert
from ossia.checkpoint.open import open_checkpoint
from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import Layout, Source, TensorInfo, TokenizerFiles
from ossia.checkpoint.stored import Progress, Written
from ossia.checkpoint.synthetic import SyntheticCheckpoint

__all__ = [
    "Layout",
    "Progress",
    "Source",
    "SyntheticCheckpoint",
    "SyntheticShape",
    "TensorInfo",
    "TokenizerFiles",
    "Written",
    "convert",
    "open_checkpoint",
]
