"""The gpt-oss transformer: its shape, its weights, its forward pass.

Knows the order of layers; knows nothing of text, requests or which backend computes.
"""

from ossia.model.config import Config
from ossia.model.load import load_params
from ossia.model.params import Params
from ossia.model.prepare import Prepared, prepare_params
from ossia.model.transformer import forward

__all__ = ["Config", "Params", "Prepared", "forward", "load_params", "prepare_params"]
