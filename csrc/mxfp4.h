// A matrix in MXFP4 as it lies in memory, and every value that one of its weights can have.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ossia {

constexpr std::size_t kBlockSize = 32;   // weights that share a scale
constexpr std::size_t kBlockBytes = 16;  // bytes that hold them

// Where the 32 weights of a block lie in its 16 bytes (see ossia/numerics/arrays.py).
enum class NibbleOrder {
    kAdjacent,  // byte j: weights 2j (low nibble) and 2j + 1 (high)
    kHalves,    // byte j: weights j (low nibble) and j + 16 (high)
};

// W [rows, num_blocks * 32], read in place. Strides are in bytes, so that rows may interleave with
// those of another matrix (gate and up) and scales may lie between the blocks (ggml's 17 bytes).
struct Mxfp4Matrix {
    const std::uint8_t* blocks;  // [rows, num_blocks, 16], the last axis contiguous
    const std::uint8_t* scales;  // [rows, num_blocks]
    std::size_t rows;
    std::size_t num_blocks;
    std::size_t blocks_row_stride;
    std::size_t blocks_stride;
    std::size_t scales_row_stride;
    std::size_t scales_stride;
    NibbleOrder order;
};

// Every value that a weight can have: by_scale[scale][code] is the exact product of a scale (E8M0)
// and a four-bit value (E2M1). Codes 8 to 15 are codes 0 to 7 with the sign set; scale 255 is NaN
// whatever the code. 16 KB, of which a real model touches well under one.
struct alignas(64) Mxfp4Weights {
    float by_scale[256][16];
};
extern const Mxfp4Weights mxfp4_weights;

// Brings the columns of x [num_blocks * 32] into the order of a block's nibbles: first the 16
// columns that meet low nibbles, then the 16 that meet high ones. A kernel then reads x and
// nibbles side by side, and never shuffles either. x may lie at any address, `arranged` is aligned.
void arrange_columns(const float* x, std::size_t num_blocks, NibbleOrder order, float* arranged);

}  // namespace ossia
