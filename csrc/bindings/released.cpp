// Matrix products with weights as files hold them, for Python.
#include "../released.h"

#include <nanobind/stl/optional.h>

#include "checks.h"
#include "matrices.h"

namespace ossia {
namespace {

// What the three functions have in common: x [tokens, columns], bias [rows], y [tokens, rows].
struct Operands {
    const float* x;
    const float* bias;
    float* y;
    std::size_t tokens;
};

Operands operands_of(const ReadOnly& x, const std::optional<ReadOnly>& bias, const Writable& y,
                     std::size_t rows, std::size_t columns) {
    Operands operands{contiguous<float>("x", x, 2), nullptr, contiguous<float>("y", y, 2),
                      x.shape(0)};
    require(x.shape(1) == columns, "x must have " + std::to_string(columns) + " columns, not " +
                                       std::to_string(x.shape(1)));
    require_shape("y", y, {operands.tokens, rows});
    if (bias.has_value()) {
        operands.bias = contiguous<float>("bias", *bias, 1);
        require_shape("bias", *bias, {rows});
    }
    return operands;
}

template <class Matrix>
const char* run(const Matrix& weight, const Operands& operands) {
    const Kernels& table = kernels();
    const nb::gil_scoped_release released;
    linear_released(table, weight, operands.bias, operands.x, operands.tokens, operands.y);
    return table.name;
}

const char* linear_f32_mxfp4w(const ReadOnly& x, const ReadOnly& blocks, const ReadOnly& scales,
                              bool is_halves, const std::optional<ReadOnly>& bias,
                              const Writable& y) {
    const Mxfp4Matrix weight = mxfp4_matrix_of(blocks, scales, is_halves);
    return run(weight,
               operands_of(x, bias, y, weight.rows, weight.num_blocks * kBlockSize));
}

const char* linear_f32_q8w(const ReadOnly& x, const ReadOnly& values, const ReadOnly& scales,
                           const std::optional<ReadOnly>& bias, const Writable& y) {
    const Q8Matrix weight = q8_matrix_of(values, scales);
    return run(weight,
               operands_of(x, bias, y, weight.rows, weight.num_blocks * kBlockSize));
}

const char* linear_f32_plainw(const ReadOnly& x, const ReadOnly& numbers,
                              const std::optional<ReadOnly>& bias, const Writable& y) {
    const PlainMatrix weight = plain_matrix_of(numbers);
    return run(weight, operands_of(x, bias, y, weight.rows, weight.columns));
}

}  // namespace

void bind_released(nb::module_& module) {
    module.def("linear_f32_mxfp4w", &linear_f32_mxfp4w, nb::arg("x").noconvert(),
               nb::arg("blocks").noconvert(), nb::arg("scales").noconvert(), nb::arg("is_halves"),
               nb::arg("bias").noconvert().none(), nb::arg("y").noconvert());
    module.def("linear_f32_q8w", &linear_f32_q8w, nb::arg("x").noconvert(),
               nb::arg("values").noconvert(), nb::arg("scales").noconvert(),
               nb::arg("bias").noconvert().none(), nb::arg("y").noconvert());
    module.def("linear_f32_plainw", &linear_f32_plainw, nb::arg("x").noconvert(),
               nb::arg("numbers").noconvert(), nb::arg("bias").noconvert().none(),
               nb::arg("y").noconvert());
}

}  // namespace ossia
