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

// How a tile is written: its values, then its 16 scales, so that a kernel reads one stream.
//   kMxfp4: values [4 (j), 16 (r), 4 (c)], a byte holds, for row r, column 4j + c in its low nibble
//     and 16 + 4j + c in its high one; scales [16 (r)] E8M0 bytes.
//   kQ8: values [8 (j), 16 (r), 4 (c)], column 4j + c as a signed byte with 128 added; scales
//     [16 (r)] float16.
// Rows past the last one are zeros.
enum class TileFormat { kMxfp4, kQ8 };

constexpr std::size_t value_bytes(TileFormat format) {
    return format == TileFormat::kMxfp4 ? 256 : 512;
}

constexpr std::size_t tile_bytes(TileFormat format) {
    return format == TileFormat::kMxfp4 ? 256 + 16 : 512 + 32;
}

// W [rows, blocks * 32].
struct Tiles {
    const std::uint8_t* tiles;  // [row_tiles, blocks, tile_bytes]
    std::size_t rows;
    std::size_t blocks;
    TileFormat format;
    std::size_t row_tile_stride;  // bytes: another matrix's tiles may lie between (gate and up)
};

// A few tokens of x side by side, rounded to 8 bits with a scale for every 32 columns.
struct Q8Tokens {
    std::int8_t* values;   // [blocks, tokens, 32]
    float* scales;         // [blocks, tokens], times 1/2 where they meet MXFP4's doubled values
    std::int32_t* starts;  // [blocks, tokens]: the columns' sum times minus the weights' offset
    std::size_t tokens;
};

inline std::size_t num_row_tiles(std::size_t rows) { return (rows + kTileRows - 1) / kTileRows; }

// Work of one task: some tiles of rows, for some groups of tokens.
struct TileTask {
    std::size_t first_row_tile;
    std::size_t last_row_tile;  // one past the end
    const Q8Tokens* groups;
    std::size_t num_groups;
    float* const* y;  // where each token's row of results begins, all groups' one after the other
};

}  // namespace ossia
