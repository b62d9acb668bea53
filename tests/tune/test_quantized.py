import numpy as np

from ossia.checkpoint import Source, SyntheticCheckpoint, SyntheticShape, TokenizerFiles
from ossia.numerics.arrays import Array, Mxfp4Array
from ossia.numerics.dequantize import to_float32
from ossia.tune.quantized import QuantizedExperts


class Widened(SyntheticCheckpoint):
    """A random checkpoint whose experts come as float32."""

    def read(self, name: str, expert: int | None = None) -> Array:
        return to_float32(super().read(name, expert))


def test_experts_become_mxfp4_and_all_else_stays() -> None:
    shape = SyntheticShape.parse("1x64x2")
    plain: Source = Widened(shape, seed=3)
    packed = SyntheticCheckpoint(shape, seed=3)
    quantized = QuantizedExperts(plain, TokenizerFiles())
    assert quantized.tensors == packed.tensors
    for name in packed.tensors:
        array = quantized.read(name)
        assert isinstance(array, Mxfp4Array) == (".experts." in name and len(array.shape) == 3)
        np.testing.assert_array_equal(to_float32(array), plain.read(name))
