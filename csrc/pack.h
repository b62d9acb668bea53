// From matrices as files hold them to tiles (csrc/tiles.h). Reads each number once, in order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rows.h"
#include "tiles.h"

namespace ossia {

// Same numbers, other places. Tiles are [row_tiles, blocks, tile_bytes], row_tile_stride bytes from
// one row tile to the next.
void pack_mxfp4(const Mxfp4Matrix& matrix, std::uint8_t* tiles, std::size_t row_tile_stride);
void pack_q8(const Q8Matrix& matrix, std::uint8_t* tiles, std::size_t row_tile_stride);

// Rounds as Q8_0 does: a block's largest magnitude over 127 is its scale, ties away from zero. A
// block that holds a number beyond the format, or none, gets a scale that is NaN or infinite.
// Columns past the last one are zeros.
void pack_plain(const PlainMatrix& matrix, std::uint8_t* tiles, std::size_t row_tile_stride);

}  // namespace ossia
