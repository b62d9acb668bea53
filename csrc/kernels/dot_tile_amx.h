// A tile of weights times up to 16 tokens in one instruction (AMX's TDPBSUD), to the same bits as
// linear_q8_tiles.h's dot_tile, which includes this file where a target has AMX.
//
// A block of a tile of weights (csrc/tiles.h) is laid out as the instruction wants it: 8 times 64
// bytes, of which each holds 4 neighbouring columns of 16 rows. Scales differ from block to block,
// so sums leave AMX's tile after each.
//
// It never ran on a processor: tests/ops/cpu/amx_model.h stood in for one. So dispatch.cpp never
// chooses it unasked.
#pragma once

namespace ossia {
namespace OSSIA_ISA {

constexpr std::size_t kFewestAmxTokens = 5;  // fewer would leave most rows of a tile empty

// Compilers do not know all the memory that AMX's intrinsics read: here it is up to date.
inline void settle(const void* memory) { __asm__ volatile("" : : "r"(memory) : "memory"); }

// LDTILECFG's operand (Intel SDM volume 2): bytes and rows of each tile.
struct alignas(64) AmxShapes {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};
};

// Tile 0: sums [tokens, 16 rows] int32; 1: x [tokens, 32 columns] int8; 2: weights [8, 16, 4].
inline void shape_amx_tiles(std::size_t tokens) {
    AmxShapes shapes;
    const auto shape = [&shapes](int tile, std::size_t rows, std::uint16_t row_bytes) {
        shapes.rows[tile] = static_cast<std::uint8_t>(rows);
        shapes.row_bytes[tile] = row_bytes;
    };
    shape(0, tokens, 64);
    shape(1, tokens, 32);
    shape(2, 8, 64);
    settle(&shapes);
    _tile_loadconfig(&shapes);
    settle(&shapes);
}

// Where a block's weights lie as bytes without a sign; `room` is used where they do not yet.
inline const void* weights_of_block(Mxfp4Format, const std::uint8_t* values, U8x64* room) {
    const U8x64 table = mxfp4_values();
    for (std::size_t j = 0; j < 4; ++j) {
        const U8x64 nibbles = load_tile(values + 64 * j);
        room[j] = low_weights(table, nibbles);
        room[4 + j] = high_weights(table, nibbles);
    }
    return room;
}

inline const void* weights_of_block(Q8Format, const std::uint8_t* values, U8x64*) { return values; }

// totals[t] = 16 rows of W times token t. Two rooms in turn, so that a block need not wait for the
// one before.
template <class Format>
inline void dot_tile_amx(const Tiles& weight, std::size_t row_tile, const Q8Tokens& x,
                         F32x16* totals) {
    constexpr std::size_t kBytes = tile_bytes(Format::kFormat);
    U8x64 room[2][8];
    I32x16 sums[2][16];
    for (std::size_t t = 0; t < x.tokens; ++t) totals[t] = zero();
    shape_amx_tiles(x.tokens);
    for (std::size_t block = 0; block < weight.blocks; ++block) {
        const std::uint8_t* tile = weight.tiles + row_tile * weight.row_tile_stride + block * kBytes;
        const void* weights = weights_of_block(Format{}, tile, room[block % 2]);
        I32x16* sums_of_block = sums[block % 2];
        settle(weights);
        _tile_zero(0);
        _tile_loadd(1, x.values + block * x.tokens * kBlockSize, kBlockSize);
        _tile_loadd(2, weights, 64);
        _tile_dpbsud(0, 1, 2);
        _tile_stored(0, sums_of_block, 64);
        settle(sums_of_block);
        constexpr std::size_t kValueBytes = value_bytes(Format::kFormat);  // no call is left
        const F32x16 scale = Format::scales(tile + kValueBytes);
        for (std::size_t t = 0; t < x.tokens; ++t) {
            const std::size_t place = block * x.tokens + t;
            const I32x16 sum = _mm512_add_epi32(sums_of_block[t], broadcast_i32(x.starts + place));
            totals[t] = fma(to_float(sum), mul(scale, broadcast(x.scales[place])), totals[t]);
        }
    }
    _tile_release();
}

}  // namespace OSSIA_ISA
}  // namespace ossia
