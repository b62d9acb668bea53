// Matrices as files hold them, from Python's arrays.
#pragma once

#include "../rows.h"
#include "checks.h"

namespace ossia {

constexpr nb::dlpack::dtype kFloat16{static_cast<std::uint8_t>(nb::dlpack::dtype_code::Float), 16,
                                     1};

// Checks what cannot be seen from the array's type: what its numbers are, and how they lie.
inline void require_strided(const char* name, const ReadOnly& array, std::size_t ndim,
                            nb::dlpack::dtype dtype, const char* dtype_name) {
    if (array.dtype() != dtype)
        throw nb::type_error((std::string(name) + " must be " + dtype_name).c_str());
    require(array.ndim() == ndim, std::string(name) + " must have " + std::to_string(ndim) +
                                      " axes, not " + std::to_string(array.ndim()));
    for (std::size_t axis = 0; axis < ndim; ++axis)
        require(array.stride(axis) >= 0 || array.shape(axis) < 2,
                std::string(name) + " must not run backwards in memory (negative stride)");
}

inline Mxfp4Matrix mxfp4_matrix_of(const ReadOnly& blocks, const ReadOnly& scales,
                                   bool is_halves) {
    require_strided("blocks", blocks, 3, nb::dtype<std::uint8_t>(), "uint8");
    require_strided("scales", scales, 2, nb::dtype<std::uint8_t>(), "uint8");
    require(blocks.shape(2) == kBlockBytes && (blocks.size() == 0 || blocks.stride(2) == 1),
            "blocks must end in 16 neighbouring bytes");
    require(blocks.shape(0) == scales.shape(0) && blocks.shape(1) == scales.shape(1),
            "blocks [rows, blocks, 16] and scales [rows, blocks] must agree in rows and blocks");
    return Mxfp4Matrix{
        static_cast<const std::uint8_t*>(blocks.data()),
        static_cast<const std::uint8_t*>(scales.data()),
        blocks.shape(0),
        blocks.shape(1),
        static_cast<std::size_t>(blocks.stride(0)),
        static_cast<std::size_t>(blocks.stride(1)),
        static_cast<std::size_t>(scales.stride(0)),
        static_cast<std::size_t>(scales.stride(1)),
        is_halves ? NibbleOrder::kHalves : NibbleOrder::kAdjacent,
    };
}

inline Q8Matrix q8_matrix_of(const ReadOnly& values, const ReadOnly& scales) {
    require_strided("values", values, 3, nb::dtype<std::int8_t>(), "int8");
    require_strided("scales", scales, 2, kFloat16, "float16");
    require(values.shape(2) == kBlockSize && (values.size() == 0 || values.stride(2) == 1),
            "values must end in 32 neighbouring bytes");
    require(values.shape(0) == scales.shape(0) && values.shape(1) == scales.shape(1),
            "values [rows, blocks, 32] and scales [rows, blocks] must agree");
    return Q8Matrix{static_cast<const std::uint8_t*>(values.data()),
                          static_cast<const std::uint8_t*>(scales.data()),
                          values.shape(0),
                          values.shape(1),
                          static_cast<std::size_t>(values.stride(0)),
                          static_cast<std::size_t>(values.stride(1)),
                          static_cast<std::size_t>(scales.stride(0)) * 2,
                          static_cast<std::size_t>(scales.stride(1)) * 2};
}

// numbers [rows, columns]: float32, float16, or uint16 holding the bits of bfloat16.
inline PlainMatrix plain_matrix_of(const ReadOnly& numbers) {
    const bool is_f32 = numbers.dtype() == nb::dtype<float>();
    const bool is_f16 = numbers.dtype() == kFloat16;
    if (!is_f32 && !is_f16 && numbers.dtype() != nb::dtype<std::uint16_t>())
        throw nb::type_error("numbers must be float32, float16 or uint16 (bfloat16's bits)");
    require_strided("numbers", numbers, 2, numbers.dtype(), "");
    require(numbers.size() == 0 || numbers.shape(1) < 2 || numbers.stride(1) == 1,
            "columns must be neighbours in memory");
    const std::size_t width = is_f32 ? 4 : 2;
    return PlainMatrix{
        static_cast<const std::uint8_t*>(numbers.data()), numbers.shape(0), numbers.shape(1),
        static_cast<std::size_t>(numbers.stride(0)) * width,
        is_f32   ? PlainMatrix::Type::kF32
        : is_f16 ? PlainMatrix::Type::kF16
                 : PlainMatrix::Type::kBf16};
}

}  // namespace ossia
