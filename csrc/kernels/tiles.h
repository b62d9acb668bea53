// Matrix products of tiles (csrc/tiles.h): 8-bit activations times MXFP4 or 8-bit weights.
//
// Whatever the instruction set, the number of tokens side by side and the number of threads, an
// output element is computed alike: for block = 0, 1, 2, ...
//
//     sum = fma(float(dot of 32 integers), weight scale * activation scale, sum)
//
// The dot product is exact in integers, so all instruction sets give the same bits.
#include "table.h"

namespace ossia {
namespace OSSIA_ISA {

// How far ahead of the block at hand weights are asked for, in blocks of one tile.
constexpr std::size_t kBlocksAhead = 8;

// What the two formats of weights do differently. `each` gets (j, weights) for the eight loads'
// worth of a block: four columns, 4j to 4j + 3, of 16 rows.
struct Mxfp4Format {
    using Tiles = Mxfp4Tiles;
    static constexpr int kOffset = kMxfp4Offset;
    static constexpr float kActivationScale = 0.5f;  // weights are doubled to be integers
    static F32x16 scales(const Tiles& tiles, std::size_t index) {
        return scales_of_e8m0(tiles.scales + index * kTileRows);
    }
    template <std::size_t tokens>
    static void dot_block(const std::uint8_t* values, const std::int8_t* x, I32x16* sums) {
        const U8x64 table = mxfp4_values();
        for (std::size_t j = 0; j < 4; ++j) {
            const U8x64 nibbles = load_tile(values + 64 * j);
            const U8x64 low = low_weights(table, nibbles);
            const U8x64 high = high_weights(table, nibbles);
            for (std::size_t t = 0; t < tokens; ++t)
                sums[t] = dot_mxfp4(sums[t], low, x + 32 * t + 4 * j);
            for (std::size_t t = 0; t < tokens; ++t)
                sums[t] = dot_mxfp4(sums[t], high, x + 32 * t + 16 + 4 * j);
        }
    }
};

struct Q8Format {
    using Tiles = Q8Tiles;
    static constexpr int kOffset = kQ8Offset;
    static constexpr float kActivationScale = 1.0f;
    static F32x16 scales(const Tiles& tiles, std::size_t index) {
        return scales_of_f16(tiles.scales + index * kTileRows);
    }
    template <std::size_t tokens>
    static void dot_block(const std::uint8_t* values, const std::int8_t* x, I32x16* sums) {
        for (std::size_t j = 0; j < 8; ++j) {
            const U8x64 weights = q8_weights(load_tile(values + 64 * j));
            for (std::size_t t = 0; t < tokens; ++t)
                sums[t] = dot_q8(sums[t], weights, x + 32 * t + 4 * j);
        }
    }
};

// results[t] = 16 rows of W times token t.
template <class Format, std::size_t tokens>
inline void dot_tile(const typename Format::Tiles& tiles, std::size_t row_tile, const Q8Tokens& x,
                     F32x16* results) {
    F32x16 totals[tokens];
    for (std::size_t t = 0; t < tokens; ++t) totals[t] = zero();
    const std::size_t first = row_tile * tiles.blocks;
    const std::int8_t* values = x.values;
    const float* scales = x.scales;
    const std::int32_t* starts = x.starts;
    for (std::size_t block = 0; block < tiles.blocks; ++block) {
        const std::uint8_t* weights = tiles.values + (first + block) * Format::Tiles::kBytes;
        for (std::size_t line = 0; line < Format::Tiles::kBytes; line += 64)
            prefetch(weights + kBlocksAhead * Format::Tiles::kBytes + line);
        I32x16 sums[tokens];
        for (std::size_t t = 0; t < tokens; ++t) sums[t] = broadcast_i32(starts + t);
        Format::template dot_block<tokens>(weights, values, sums);
        const F32x16 weight_scales = Format::scales(tiles, first + block);
        for (std::size_t t = 0; t < tokens; ++t)
            totals[t] = fma(to_float(sums[t]), mul(weight_scales, broadcast(scales[t])), totals[t]);
        values += 32 * tokens;
        scales += tokens;
        starts += tokens;
    }
    for (std::size_t t = 0; t < tokens; ++t) results[t] = totals[t];
}

template <class Format>
inline void dot_tokens(const typename Format::Tiles& tiles, std::size_t row_tile,
                       const Q8Tokens& x, F32x16* results) {
    switch (x.tokens) {
        case 1: return dot_tile<Format, 1>(tiles, row_tile, x, results);
        case 2: return dot_tile<Format, 2>(tiles, row_tile, x, results);
        case 3: return dot_tile<Format, 3>(tiles, row_tile, x, results);
        case 4: return dot_tile<Format, 4>(tiles, row_tile, x, results);
#define OSSIA_MORE_TOKENS(count) \
    case count: return dot_tile<Format, count <= kTokensAtOnce ? count : 1>(tiles, row_tile, x, results);
            OSSIA_MORE_TOKENS(5)
            OSSIA_MORE_TOKENS(6)
            OSSIA_MORE_TOKENS(7)
            OSSIA_MORE_TOKENS(8)
            OSSIA_MORE_TOKENS(9)
            OSSIA_MORE_TOKENS(10)
            OSSIA_MORE_TOKENS(11)
            OSSIA_MORE_TOKENS(12)
            OSSIA_MORE_TOKENS(13)
            OSSIA_MORE_TOKENS(14)
            OSSIA_MORE_TOKENS(15)
            OSSIA_MORE_TOKENS(16)
#undef OSSIA_MORE_TOKENS
    }
}
}  // namespace OSSIA_ISA
}  // namespace ossia
