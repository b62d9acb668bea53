#include "pack.h"

#include <cmath>
#include <cstring>

#include "float16.h"
#include "threads.h"

namespace ossia {
namespace {

constexpr std::uint8_t kQ8Zero = 128;  // a stored zero

// Runs pack_row(row, row within its tiles, the first of them) for all rows, 16 rows a task, after
// clearing tiles that have fewer to `zero`, with scales of 0.
template <class PackRow>
void for_each_row(std::size_t rows, std::size_t blocks, TileFormat format, std::uint8_t zero,
                  std::uint8_t* tiles, std::size_t row_tile_stride, PackRow pack_row) {
    parallel_for(num_row_tiles(rows), [&](std::size_t tile) {
        const std::size_t first = tile * kTileRows;
        const std::size_t count = rows - first < kTileRows ? rows - first : kTileRows;
        std::uint8_t* first_tile = tiles + tile * row_tile_stride;
        for (std::size_t block = 0; count < kTileRows && block < blocks; ++block) {
            std::uint8_t* values = first_tile + block * tile_bytes(format);
            std::memset(values, zero, value_bytes(format));
            std::memset(values + value_bytes(format), 0, tile_bytes(format) - value_bytes(format));
        }
        for (std::size_t r = 0; r < count; ++r) pack_row(first + r, r, first_tile);
    });
}

// Puts a row's 4-byte pieces of a block where its lane is.
void scatter(const std::uint8_t* row, std::size_t num_pieces, std::size_t r, std::uint8_t* block) {
    for (std::size_t j = 0; j < num_pieces; ++j)
        std::memcpy(block + (j * kTileRows + r) * 4, row + 4 * j, 4);
}

// A block's 16 bytes with columns j and j + 16 sharing byte j.
void to_halves(const std::uint8_t* block, NibbleOrder order, std::uint8_t* halves) {
    if (order == NibbleOrder::kHalves) {
        std::memcpy(halves, block, kBlockBytes);
        return;
    }
    for (std::size_t i = 0; i < kBlockBytes / 2; ++i) {
        const std::uint8_t low = block[i], high = block[i + kBlockBytes / 2];
        halves[2 * i] = static_cast<std::uint8_t>((low & 15) | high << 4);
        halves[2 * i + 1] = static_cast<std::uint8_t>(low >> 4 | (high & 0xF0));
    }
}

float number_at(const std::uint8_t* from, PlainMatrix::Type type) {
    std::uint32_t bits = 0;
    if (type == PlainMatrix::Type::kF32) {
        std::memcpy(&bits, from, 4);
    } else {
        std::uint16_t half;
        std::memcpy(&half, from, 2);
        if (type == PlainMatrix::Type::kF16) return float_of_f16(half);
        bits = static_cast<std::uint32_t>(half) << 16;
    }
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

// Returns the scale; `stored` gets the values with 128 added.
std::uint16_t quantise_q8(const float* x, std::uint8_t* stored) {
    float largest = 0;
    for (std::size_t i = 0; i < kBlockSize; ++i) {
        const float magnitude = std::fabs(x[i]);
        if (!(magnitude <= largest)) largest = magnitude;  // a NaN stays: nothing is above it
        if (std::isnan(largest)) break;
    }
    const float scale = largest / 127.0f;
    const std::uint16_t rounded = f16_of_float(scale);
    const bool is_usable = rounded != 0 && std::isfinite(largest);
    const float inverse = is_usable ? 1.0f / scale : 0.0f;
    for (std::size_t i = 0; i < kBlockSize; ++i) {
        const float value = is_usable ? x[i] * inverse : 0.0f;
        const float whole = static_cast<float>(static_cast<int>(value));
        const int away = std::fabs(value - whole) >= 0.5f ? (value < 0 ? -1 : 1) : 0;
        stored[i] = static_cast<std::uint8_t>(static_cast<int>(whole) + away + kQ8Zero);
    }
    return rounded;
}

}  // namespace

void pack_mxfp4(const Mxfp4Matrix& matrix, std::uint8_t* tiles, std::size_t row_tile_stride) {
    for_each_row(matrix.rows, matrix.num_blocks, TileFormat::kMxfp4, 0, tiles, row_tile_stride,
                 [&](std::size_t row, std::size_t r, std::uint8_t* to) {
        const std::uint8_t* from = matrix.blocks + row * matrix.blocks_row_stride;
        const std::uint8_t* from_scales = matrix.scales + row * matrix.scales_row_stride;
        for (std::size_t block = 0; block < matrix.num_blocks; ++block) {
            std::uint8_t halves[kBlockBytes];
            to_halves(from + block * matrix.blocks_stride, matrix.order, halves);
            scatter(halves, 4, r, to);
            to[value_bytes(TileFormat::kMxfp4) + r] = from_scales[block * matrix.scales_stride];
            to += tile_bytes(TileFormat::kMxfp4);
        }
    });
}

void pack_q8(const Q8Matrix& matrix, std::uint8_t* tiles, std::size_t row_tile_stride) {
    for_each_row(matrix.rows, matrix.num_blocks, TileFormat::kQ8, kQ8Zero, tiles, row_tile_stride,
                 [&](std::size_t row, std::size_t r, std::uint8_t* to) {
        const std::uint8_t* from = matrix.values + row * matrix.values_row_stride;
        const std::uint8_t* from_scales = matrix.scales + row * matrix.scales_row_stride;
        for (std::size_t block = 0; block < matrix.num_blocks; ++block) {
            std::uint8_t stored[kBlockSize];
            for (std::size_t i = 0; i < kBlockSize; ++i)
                stored[i] = from[block * matrix.values_stride + i] ^ kQ8Zero;
            scatter(stored, 8, r, to);
            std::memcpy(to + value_bytes(TileFormat::kQ8) + 2 * r,
                        from_scales + block * matrix.scales_stride, 2);
            to += tile_bytes(TileFormat::kQ8);
        }
    });
}

void pack_plain(const PlainMatrix& matrix, std::uint8_t* tiles, std::size_t row_tile_stride) {
    const std::size_t width = matrix.type == PlainMatrix::Type::kF32 ? 4 : 2;
    const std::size_t blocks = (matrix.columns + kBlockSize - 1) / kBlockSize;
    for_each_row(matrix.rows, blocks, TileFormat::kQ8, kQ8Zero, tiles, row_tile_stride,
                 [&](std::size_t row, std::size_t r, std::uint8_t* to) {
        const std::uint8_t* from = matrix.numbers + row * matrix.row_stride;
        for (std::size_t block = 0; block < blocks; ++block) {
            float x[kBlockSize] = {};
            for (std::size_t i = 0; i < kBlockSize && block * kBlockSize + i < matrix.columns; ++i)
                x[i] = number_at(from + (block * kBlockSize + i) * width, matrix.type);
            std::uint8_t stored[kBlockSize];
            const std::uint16_t scale = quantise_q8(x, stored);
            scatter(stored, 8, r, to);
            std::memcpy(to + value_bytes(TileFormat::kQ8) + 2 * r, &scale, 2);
            to += tile_bytes(TileFormat::kQ8);
        }
    });
}

}  // namespace ossia
