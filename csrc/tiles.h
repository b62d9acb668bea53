// Matrices whose rows lie interleaved in tiles of 16, and activations in 8 bits to meet them.
//
// A tile holds the same block of 32 columns for 16 rows, cut so that one load of 64 bytes brings
// four neighbouring columns of all 16 rows. Each 32-bit lane of a register then belongs to one row:
// products add up within the lane, and no sum ever crosses lanes. docs/ideas/cpu.md has a picture.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ossia {

constexpr std::size_t kTileRows = 16;

// W [rows, blocks * 32] in MXFP4. values: byte [r][c] of load j holds, for row r, column 4j + c in
// its low nibble and column 16 + 4j + c in its high one. Rows past the last are zeros.
struct Mxfp4Tiles {
    const std::uint8_t* values;  // [row_tiles, blocks, 4 (j), 16 (r), 4 (c)]
    const std::uint8_t* scales;  // [row_tiles, blocks, 16 (r)], E8M0
    std::size_t rows;
    std::size_t blocks;
    static constexpr std::size_t kBytes = 256;  // of values, a tile and block
};

// W [rows, blocks * 32] in signed 8 bits, stored with 128 added.
struct Q8Tiles {
    const std::uint8_t* values;   // [row_tiles, blocks, 8 (j), 16 (r), 4 (c)], column 4j + c
    const std::uint16_t* scales;  // [row_tiles, blocks, 16 (r)], float16
    std::size_t rows;
    std::size_t blocks;
    static constexpr std::size_t kBytes = 512;
};

// Up to kMostTokens tokens of x, rounded to 8 bits with a scale for every 32 columns, side by side.
struct Q8Tokens {
    std::int8_t* values;   // [blocks, tokens, 32]
    float* scales;         // [blocks, tokens], times 1/2 where they meet MXFP4's doubled values
    std::int32_t* starts;  // [blocks, tokens]: minus the offset of stored weights times the sum
    std::size_t tokens;
};
constexpr std::size_t kMostTokens = 16;

inline std::size_t num_row_tiles(std::size_t rows) { return (rows + kTileRows - 1) / kTileRows; }

}  // namespace ossia
