// The kernels that every instruction set compiles: one function pointer each, same words as in
// Python. Each returns the name of the instruction set whose code ran, so that a test can know.
#pragma once

#include "../mxfp4.h"

namespace ossia {

struct Kernels {
    // y[row] = sum over columns of W[row, column] * x[column], for every row of W.
    // `arranged` is x after arrange_columns(), 64-byte aligned; y has room for W.rows.
    const char* (*row_dot_f32_mxfp4w)(const Mxfp4Matrix& matrix, const float* arranged, float* y);
};

}  // namespace ossia
