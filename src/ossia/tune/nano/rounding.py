"""Training with weights that are rounded to MXFP4, so that rounding them at the end costs nothing.

The forward pass sees rounded weights; gradients pass through as if nothing had been rounded (the
straight-through estimator, arXiv:1308.3432). The rounding is that of ``numerics.mxfp4.quantize``.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ossia.numerics.arrays import BLOCK_SIZE
from ossia.numerics.mxfp4 import LARGEST_EXPONENT, MAGNITUDES

EXPERT_MATRICES = ("gate_up_proj", "down_proj")
"""What transformers calls them, each [experts, in, out]; blocks run along ``in``."""


class RoundToMxfp4(nn.Module):
    """Rounds [experts, in, out] to what MXFP4 can hold in blocks along ``in``."""

    def forward(self, weight: Tensor) -> Tensor:
        """The rounded weight; its gradient is the weight's."""
        return weight + (round_to_mxfp4(weight.detach()) - weight.detach())


def round_to_mxfp4(weight: Tensor) -> Tensor:
    """Nearest MXFP4 values of ``weight`` [experts, in, out], blocks of 32 along ``in``."""
    experts, columns, rows = weight.shape
    blocks = weight.view(experts, columns // BLOCK_SIZE, BLOCK_SIZE, rows)
    largest = blocks.abs().amax(dim=2, keepdim=True)
    _, exponents = torch.frexp(largest)  # largest = m * 2**e, 0.5 <= m < 1
    scales = torch.ldexp(torch.ones_like(largest), exponents - 1 - LARGEST_EXPONENT)
    scaled = blocks / scales
    magnitude = scaled.abs()
    # E2M1 has steps of 0.5 below 2, of 1 below 4 and of 2 up to 6; torch.round takes ties to even.
    step = torch.where(magnitude < 2, 0.5, torch.where(magnitude < 4, 1.0, 2.0))
    rounded = (torch.round(magnitude / step) * step).clamp(max=float(MAGNITUDES[-1]))
    return (torch.copysign(rounded, scaled) * scales).view_as(weight)


def start_rounding(model: nn.Module) -> None:
    """Has every expert matrix of a transformers gpt-oss seen through MXFP4 from now on."""
    for module in list(model.modules()):
        for name in EXPERT_MATRICES:
            if isinstance(getattr(module, name, None), nn.Parameter):
                parametrize.register_parametrization(module, name, RoundToMxfp4())


def stop_rounding(model: nn.Module) -> None:
    """Leaves the rounded values in place as plain parameters."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            for name in EXPERT_MATRICES:
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)
