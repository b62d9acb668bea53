// Matrices as files hold them, from Python's arrays.
#pragma once

#include "../pack.h"
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

}  // namespace ossia
