"""An MXFP4 matrix times one float32 vector, by the compiled kernel ``row_dot_f32_mxfp4w``."""

import numpy as np

from ossia.numerics.arrays import Float32, Mxfp4Array, NibbleOrder
from ossia.ops.cpu import _kernels
from ossia.ops.cpu.instruction_sets import active_instruction_set


def row_dot(weight: Mxfp4Array, x: Float32) -> Float32:
    """``weight`` [rows, columns] times x [columns], as float32 [rows]; the weight is read in place.

    Weights are exact. An element's sum has one order, whatever the instruction set and the nibble
    order: 32 partial sums with fused multiply-add (one for each column within a block), then a
    tree. So the same numbers give the same bits everywhere. A NaN scale gives NaN.

    Raises:
        TypeError: x is not float32, or the weight's arrays are not bytes.
        ValueError: shapes do not agree, or memory runs in a way that the kernel does not read.
        BackendError: OSSIA_ISA names an instruction set that is not to be had.
    """
    return row_dot_and_name(weight, x)[0]


def row_dot_and_name(weight: Mxfp4Array, x: Float32) -> tuple[Float32, str]:
    """As ``row_dot``, with the name of the instruction set whose code ran, by its own account."""
    y = np.empty(len(weight.blocks), np.float32)  # [rows]
    is_halves = weight.nibble_order is NibbleOrder.HALVES
    isa = active_instruction_set()
    ran = _kernels.row_dot_f32_mxfp4w(isa, weight.blocks, weight.scales, is_halves, x, y)
    return y, ran
