// Matrix products with weights as files hold them: lays out x and cuts rows into tasks.
#pragma once

#include <cstddef>

#include "kernels/table.h"

namespace ossia {

// y [tokens, rows] = x [tokens, columns] times W transposed, plus bias [rows] unless it is null.
// x and y are contiguous; x may lie at any address.
void linear_released(const Kernels& kernels, const Mxfp4Matrix& weight, const float* bias,
                     const float* x, std::size_t tokens, float* y);
void linear_released(const Kernels& kernels, const Q8Matrix& weight, const float* bias,
                     const float* x, std::size_t tokens, float* y);
void linear_released(const Kernels& kernels, const PlainMatrix& weight, const float* bias,
                     const float* x, std::size_t tokens, float* y);

}  // namespace ossia
