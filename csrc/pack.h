// From matrices as files hold them to tiles (csrc/tiles.h). Reads each number once, in order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mxfp4.h"
#include "tiles.h"

namespace ossia {

// W [rows, columns] of plain numbers; columns are neighbours in memory.
struct PlainMatrix {
    enum class Type { kF32, kF16, kBf16 };
    const std::uint8_t* numbers;
    std::size_t rows;
    std::size_t columns;
    std::size_t row_stride;  // bytes
    Type type;
};

// W [rows, num_blocks * 32] in ggml's Q8_0. Strides are in bytes.
struct Q8Matrix {
    const std::uint8_t* values;  // signed bytes [rows, num_blocks, 32], the last axis contiguous
    const std::uint8_t* scales;  // float16 [rows, num_blocks]
    std::size_t rows;
    std::size_t num_blocks;
    std::size_t values_row_stride, values_stride;
    std::size_t scales_row_stride, scales_stride;
};

// Same numbers, other places.
void pack_mxfp4(const Mxfp4Matrix& matrix, std::uint8_t* values, std::uint8_t* scales);
void pack_q8(const Q8Matrix& matrix, std::uint8_t* values, std::uint16_t* scales);

// Rounds as Q8_0 does: a block's largest magnitude over 127 is its scale, ties away from zero. A
// block that holds a number beyond the format, or none, gets a scale that is NaN or infinite.
// Columns past the last one are zeros.
void pack_plain(const PlainMatrix& matrix, std::uint8_t* values, std::uint16_t* scales);

}  // namespace ossia
