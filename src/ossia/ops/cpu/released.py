"""Products with weights as files hold them: exact weights, float32 activations, nothing packed.

An element's sum has one order, whatever the instruction set, the layout and the batch: 32 partial
sums with fused multiply-add (one for each column within a block), then a tree. So the same numbers
give the same bits everywhere. A NaN scale gives NaN.
"""

import numpy as np

from ossia.numerics.arrays import Array, Float32, Mxfp4Array, NibbleOrder, Q8Array
from ossia.ops.cpu import _kernels
from ossia.ops.cpu.pack import plain_numbers


def linear_released(x: Float32, weight: Array, bias: Array | None = None) -> Float32:
    """See ``Ops.linear``; the weight [out, in] is read in place, the bias is float32.

    Raises:
        TypeError: x is not float32, or the weight's arrays are of another type.
        ValueError: shapes do not agree, or memory runs in a way that the kernel does not read.
    """
    y = np.empty((len(x), weight.shape[0]), np.float32)
    match weight:
        case Mxfp4Array():
            is_halves = weight.nibble_order is NibbleOrder.HALVES
            _kernels.linear_f32_mxfp4w(x, weight.blocks, weight.scales, is_halves, bias, y)
        case Q8Array():
            _kernels.linear_f32_q8w(x, weight.values, weight.scales, bias, y)
        case _:
            assert isinstance(weight, np.ndarray)
            _kernels.linear_f32_plainw(x, plain_numbers(weight), bias, y)
    return y
