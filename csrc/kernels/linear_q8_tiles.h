// Matrix products of tiles (csrc/tiles.h): 8-bit activations times MXFP4 or 8-bit weights.
//
// Whatever the instruction set, the number of tokens side by side and the number of threads, an
// output element is computed alike: for block = 0, 1, 2, ...
//
//     total = fma(float(dot of 32 integers), weight scale * activation scale, total)
//
// The dot product is exact in integers, so all instruction sets give the same bits.
//
// Nothing is prefetched: weights come in one stream, which the processor follows better by itself
// (measured: benchmarks/LOG.md).
#pragma once

#include "exp.h"
#include "table.h"

namespace ossia {
namespace OSSIA_ISA {

constexpr float kSwigluAlpha = 1.702f;

// What the two formats do differently.
struct Mxfp4Format {
    static constexpr TileFormat kFormat = TileFormat::kMxfp4;
    static constexpr int kOffset = kMxfp4Offset;
    static constexpr float kActivationScale = 0.5f;  // weights are doubled to be integers

    static F32x16 scales(const std::uint8_t* from) { return scales_of_e8m0(from); }

    template <std::size_t tokens>
    static void dot_block(const std::uint8_t* values, const std::int8_t* x, I32x16* sums) {
        const auto table = mxfp4_values();
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
    static constexpr TileFormat kFormat = TileFormat::kQ8;
    static constexpr int kOffset = kQ8Offset;
    static constexpr float kActivationScale = 1.0f;

    static F32x16 scales(const std::uint8_t* from) { return load_f16(from); }

    template <std::size_t tokens>
    static void dot_block(const std::uint8_t* values, const std::int8_t* x, I32x16* sums) {
        for (std::size_t j = 0; j < 8; ++j) {
            const U8x64 weights = q8_weights(load_tile(values + 64 * j));
            for (std::size_t t = 0; t < tokens; ++t)
                sums[t] = dot_q8(sums[t], weights, x + 32 * t + 4 * j);
        }
    }
};

// totals[t] = 16 rows of W times token t.
template <class Format, std::size_t tokens>
inline void dot_tile(const Tiles& weight, std::size_t row_tile, const Q8Tokens& x,
                     F32x16* totals) {
    constexpr std::size_t kBytes = tile_bytes(Format::kFormat);  // constants: no call is left
    constexpr std::size_t kValueBytes = value_bytes(Format::kFormat);
    const std::uint8_t* tile = weight.tiles + row_tile * weight.row_tile_stride;
    const std::int8_t* columns = x.values;
    const float* scales = x.scales;
    const std::int32_t* starts = x.starts;
    F32x16 sums_of_blocks[tokens];
    for (std::size_t t = 0; t < tokens; ++t) sums_of_blocks[t] = zero();
    for (std::size_t block = 0; block < weight.blocks; ++block) {
        I32x16 sums[tokens];
        for (std::size_t t = 0; t < tokens; ++t) sums[t] = broadcast_i32(starts + t);
        Format::template dot_block<tokens>(tile, columns, sums);
        const F32x16 scale = Format::scales(tile + kValueBytes);
        for (std::size_t t = 0; t < tokens; ++t)
            sums_of_blocks[t] =
                fma(to_float(sums[t]), mul(scale, broadcast(scales[t])), sums_of_blocks[t]);
        tile += kBytes;
        columns += 32 * tokens;
        scales += tokens;
        starts += tokens;
    }
    for (std::size_t t = 0; t < tokens; ++t) totals[t] = sums_of_blocks[t];
}

// dot_tile for a number of tokens that is known only now: tries `most`, then one less, and so on.
template <class Format, std::size_t most>
inline void dot_tokens(const Tiles& weight, std::size_t row_tile, const Q8Tokens& x,
                       F32x16* totals) {
    if (x.tokens == most) return dot_tile<Format, most>(weight, row_tile, x, totals);
    if constexpr (most > 1) dot_tokens<Format, most - 1>(weight, row_tile, x, totals);
}

#ifdef OSSIA_WITH_AMX
}  // namespace OSSIA_ISA
}  // namespace ossia
#include "dot_tile_amx.h"
namespace ossia {
namespace OSSIA_ISA {

template <class Format>
inline void dot_format(const Tiles& weight, std::size_t row_tile, const Q8Tokens& x,
                       F32x16* totals) {
    if (x.tokens >= kFewestAmxTokens) return dot_tile_amx<Format>(weight, row_tile, x, totals);
    dot_tokens<Format, kFewestAmxTokens - 1>(weight, row_tile, x, totals);
}
#else
template <class Format>
inline void dot_format(const Tiles& weight, std::size_t row_tile, const Q8Tokens& x,
                       F32x16* totals) {
    dot_tokens<Format, kTokensAtOnce>(weight, row_tile, x, totals);
}
#endif

inline void dot_any(const Tiles& weight, std::size_t row_tile, const Q8Tokens& x, F32x16* totals) {
    if (weight.format == TileFormat::kMxfp4)
        dot_format<Mxfp4Format>(weight, row_tile, x, totals);
    else
        dot_format<Q8Format>(weight, row_tile, x, totals);
}

// 16 numbers, or fewer at the end of the rows.
inline F32x16 load_up_to(const float* from, std::size_t count) {
    if (count >= 16) return load_any(from);
    float padded[16] = {};
    for (std::size_t i = 0; i < count; ++i) padded[i] = from[i];
    return load_any(padded);
}

inline void store_up_to(float* to, F32x16 a, std::size_t count) {
    if (count >= 16) return store(to, a);
    float padded[16];
    store(padded, a);
    for (std::size_t i = 0; i < count; ++i) to[i] = padded[i];
}

// A bias is read 64 bytes at a time, far apart in time: too seldom for the processor to foresee.
constexpr std::size_t kFloatsAhead = 48;
inline void prefetch_floats(const float* from) {
    prefetch(reinterpret_cast<const std::uint8_t*>(from));
}

inline void linear_q8_tiles(const Tiles& weight, const float* bias, const TileTask& task) {
    for (std::size_t row_tile = task.first_row_tile; row_tile < task.last_row_tile; ++row_tile) {
        const std::size_t row = row_tile * kTileRows;
        const std::size_t count = weight.rows - row;  // of rows, where it is below 16
        if (bias != nullptr) prefetch_floats(bias + row + kFloatsAhead);
        const F32x16 added = bias == nullptr ? zero() : load_up_to(bias + row, count);
        float* const* y = task.y;
        for (std::size_t group = 0; group < task.num_groups; ++group) {
            const Q8Tokens& x = task.groups[group];
            F32x16 totals[kTokensAtOnce];
            dot_any(weight, row_tile, x, totals);
            for (std::size_t t = 0; t < x.tokens; ++t)
                store_up_to(*y++ + row, add(totals[t], added), count);
        }
    }
}

inline F32x16 swiglu(F32x16 gate, F32x16 up, F32x16 limit) {
    const F32x16 g = at_most(gate, limit);
    const F32x16 u = at_least(at_most(up, limit), sub(zero(), limit));
    const F32x16 one = broadcast(1.0f);
    const F32x16 sigmoid = div(one, add(one, exp(mul(g, broadcast(-kSwigluAlpha)))));
    // 0, or NaN where a sum is infinite: a damaged weight must show, and clamping would hide it.
    const F32x16 damage = add(sub(gate, gate), sub(up, up));
    return add(mul(mul(g, sigmoid), add(u, one)), damage);
}

inline void linear_q8_tiles_swiglu(const Tiles& gate, const float* gate_bias,
                                          const Tiles& up, const float* up_bias, float limit,
                                          const TileTask& task) {
    const F32x16 limits = broadcast(limit);
    for (std::size_t row_tile = task.first_row_tile; row_tile < task.last_row_tile; ++row_tile) {
        const std::size_t row = row_tile * kTileRows;
        const std::size_t count = gate.rows - row;
        prefetch_floats(gate_bias + row + kFloatsAhead);
        prefetch_floats(up_bias + row + kFloatsAhead);
        const F32x16 gate_added = load_up_to(gate_bias + row, count);
        const F32x16 up_added = load_up_to(up_bias + row, count);
        float* const* y = task.y;
        for (std::size_t group = 0; group < task.num_groups; ++group) {
            const Q8Tokens& x = task.groups[group];
            F32x16 gates[kTokensAtOnce], ups[kTokensAtOnce];
            dot_any(gate, row_tile, x, gates);
            dot_any(up, row_tile, x, ups);
            for (std::size_t t = 0; t < x.tokens; ++t)
                store_up_to(*y++ + row,
                            swiglu(add(gates[t], gate_added), add(ups[t], up_added), limits),
                            count);
        }
    }
}

// 127 over any magnitude from here on is a finite float32; below, a block is taken for zeros.
constexpr float kSmallestLargest = 4e-37f;

// 32 columns of one token to bytes: the largest magnitude becomes 127.
inline void quantise_block(const float* x, int offset, float factor, std::int8_t* values,
                           float* scale, std::int32_t* start) {
    const F32x16 first = load_any(x), second = load_any(x + 16);
    const std::uint32_t bits = largest_magnitude_bits(first, second);
    float largest;
    __builtin_memcpy(&largest, &bits, sizeof largest);
    const F32x16 inverse = broadcast(largest < kSmallestLargest ? 0 : 127.0f / largest);
    *scale = largest / 127.0f * factor;
    *start = -offset * (round_to_bytes(values, mul(first, inverse)) +
                        round_to_bytes(values + 16, mul(second, inverse)));
}

inline void quantise_f32_q8(const float* const* rows, std::size_t columns,
                                   TileFormat format, const Q8Tokens& x) {
    const bool is_mxfp4 = format == TileFormat::kMxfp4;
    const int offset = is_mxfp4 ? Mxfp4Format::kOffset : Q8Format::kOffset;
    const float factor = is_mxfp4 ? Mxfp4Format::kActivationScale : Q8Format::kActivationScale;
    for (std::size_t t = 0; t < x.tokens; ++t) {
        for (std::size_t column = 0; column < columns; column += kBlockSize) {
            const std::size_t place = column / kBlockSize * x.tokens + t;
            const float* from = rows[t] + column;
            float padded[kBlockSize] = {};
            if (column + kBlockSize > columns) {
                __builtin_memcpy(padded, from, (columns - column) * sizeof(float));
                from = padded;
            }
            quantise_block(from, offset, factor, x.values + place * kBlockSize, x.scales + place,
                           x.starts + place);
        }
    }
}

}  // namespace OSSIA_ISA
}  // namespace ossia
