import numpy as np
import pytest

from ossia.numerics import mxfp4

pytestmark = pytest.mark.oracle
torch = pytest.importorskip("torch", reason="training needs torch")


def random_weight(seed: int):
    generator = torch.Generator().manual_seed(seed)
    spread = torch.exp(3 * torch.randn(3, 64, 10, generator=generator))
    return torch.randn(3, 64, 10, generator=generator) * spread


def test_rounds_as_numerics_does() -> None:
    from ossia.tune.nano.rounding import round_to_mxfp4

    weight = random_weight(1)
    weight[0, :32, 0] = 0
    weight[1, :8, 1] = torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 6.0])  # ties
    weight[1, 8:32, 1] = 0
    packed = mxfp4.quantize(weight.transpose(1, 2).contiguous().numpy())
    expected = mxfp4.dequantize(packed).transpose(0, 2, 1)
    np.testing.assert_array_equal(round_to_mxfp4(weight).numpy(), expected)


def test_gradients_pass_through() -> None:
    from ossia.tune.nano.rounding import RoundToMxfp4

    weight = random_weight(2).requires_grad_()
    RoundToMxfp4()(weight).sum().backward()
    assert torch.equal(weight.grad, torch.ones_like(weight))
