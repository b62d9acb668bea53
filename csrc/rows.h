// Matrices as files hold them, row by row, read in place. Strides are in bytes, so that rows may
// interleave with those of another matrix (gate and up) and scales may lie between the blocks
// (ggml's 17 bytes).
#pragma once

#include <cstddef>
#include <cstdint>

#include "mxfp4.h"

namespace ossia {

// W [rows, columns] of plain numbers; columns are neighbours in memory.
struct PlainMatrix {
    enum class Type { kF32, kF16, kBf16 };
    const std::uint8_t* numbers;
    std::size_t rows;
    std::size_t columns;
    std::size_t row_stride;
    Type type;
};

// W [rows, num_blocks * 32] in ggml's Q8_0.
struct Q8Matrix {
    const std::uint8_t* values;  // signed bytes [rows, num_blocks, 32], the last axis contiguous
    const std::uint8_t* scales;  // float16 [rows, num_blocks]
    std::size_t rows;
    std::size_t num_blocks;
    std::size_t values_row_stride, values_stride;
    std::size_t scales_row_stride, scales_stride;
};

// x for up to kTokensOfRows tokens: [tokens, blocks * 32], aligned to 64 bytes, zeros after the
// last column, and for MXFP4 in the order of arrange_columns(). y[t] is where token t's row begins.
struct RowsTask {
    std::size_t first_row;
    std::size_t last_row;  // one past the end
    const float* x;
    std::size_t tokens;
    const float* bias;  // [rows] or null
    float* const* y;
};
constexpr std::size_t kTokensOfRows = 4;

}  // namespace ossia
