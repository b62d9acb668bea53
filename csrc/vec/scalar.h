// The vocabulary of csrc/kernels/ in plain C++: what each word means, for any processor.
//
// fma is the C library's where the processor has no such instruction: slow, and correctly rounded
// like the instruction, which is what makes all instruction sets agree to the last bit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../float16.h"

#define OSSIA_ISA scalar

namespace ossia {
namespace scalar {

constexpr const char* kName = "scalar";

struct F32x16 {
    float lane[16];
};

struct Bytes16 {
    const std::uint8_t* bytes;
};

// Asks for memory that will be read soon.
inline void prefetch(const std::uint8_t* from) { __builtin_prefetch(from); }

// The same, into the second-level cache only: more such requests can be under way at a time.
inline void prefetch_far(const std::uint16_t* from) { __builtin_prefetch(from, 0, 2); }

// Sixteen float32 to look up by a nibble, entries 8 to 15 being entries 0 to 7 with the sign set; a
// bfloat16 could hold each.
struct Values16 {
    const float* values;
};

inline F32x16 zero() { return F32x16{}; }

inline F32x16 load(const float* from) {
    F32x16 result;
    __builtin_memcpy(result.lane, from, sizeof result.lane);
    return result;
}

inline Bytes16 load_bytes(const std::uint8_t* from) { return {from}; }

inline Values16 load_values(const float* from) { return {from}; }

// Lane i: the value that byte i's low nibble names.
inline F32x16 look_up_low(Values16 values, Bytes16 bytes) {
    F32x16 result;
    for (int i = 0; i < 16; ++i) result.lane[i] = values.values[bytes.bytes[i] & 15];
    return result;
}

// Lane i: the value that byte i's high nibble names.
inline F32x16 look_up_high(Values16 values, Bytes16 bytes) {
    F32x16 result;
    for (int i = 0; i < 16; ++i) result.lane[i] = values.values[bytes.bytes[i] >> 4];
    return result;
}

inline F32x16 add(F32x16 a, F32x16 b) {
    for (int i = 0; i < 16; ++i) a.lane[i] += b.lane[i];
    return a;
}

// a * b + c, rounded once.
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
    for (int i = 0; i < 16; ++i) c.lane[i] = __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]);
    return c;
}

// From (a0 .. a15, b0 .. b15) to (a0 b0 a1 b1 .. a7 b7, a8 b8 .. a15 b15).
inline void interleave(F32x16& a, F32x16& b) {
    float both[32];
    for (int i = 0; i < 16; ++i) {
        both[2 * i] = a.lane[i];
        both[2 * i + 1] = b.lane[i];
    }
    a = load(both);
    b = load(both + 16);
}

// Adds the upper half to the lower until one number is left.
inline float sum(F32x16 a) {
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; ++i) a.lane[i] += a.lane[i + half];
    return a.lane[0];
}

struct I32x16 {
    std::int32_t lane[16];
};

inline F32x16 broadcast(float value) {
    F32x16 result;
    for (float& lane : result.lane) lane = value;
    return result;
}

// From any address; `load` wants one that is a multiple of 64.
inline F32x16 load_any(const float* from) { return load(from); }

inline void store(float* to, F32x16 a) {
    for (int i = 0; i < 16; ++i) to[i] = a.lane[i];
}

inline F32x16 sub(F32x16 a, F32x16 b) {
    for (int i = 0; i < 16; ++i) a.lane[i] -= b.lane[i];
    return a;
}

inline F32x16 mul(F32x16 a, F32x16 b) {
    for (int i = 0; i < 16; ++i) a.lane[i] *= b.lane[i];
    return a;
}

inline F32x16 div(F32x16 a, F32x16 b) {
    for (int i = 0; i < 16; ++i) a.lane[i] /= b.lane[i];
    return a;
}

// a where it is no number.
inline F32x16 at_least(F32x16 a, F32x16 limit) {
    for (int i = 0; i < 16; ++i)
        if (a.lane[i] < limit.lane[i]) a.lane[i] = limit.lane[i];
    return a;
}

inline F32x16 at_most(F32x16 a, F32x16 limit) {
    for (int i = 0; i < 16; ++i)
        if (a.lane[i] > limit.lane[i]) a.lane[i] = limit.lane[i];
    return a;
}

// a, and 0 where x is below the limit.
inline F32x16 zero_below(F32x16 a, F32x16 x, F32x16 limit) {
    for (int i = 0; i < 16; ++i)
        if (x.lane[i] < limit.lane[i]) a.lane[i] = 0;
    return a;
}

// To the nearest, ties to even; any number where a is none or too large.
inline std::int32_t nearest(float a) {
    if (!(a >= -2147483648.0f && a < 2147483648.0f)) return INT32_MIN;
    return static_cast<std::int32_t>(__builtin_lrintf(a));
}

inline I32x16 to_int(F32x16 a) {
    I32x16 result;
    for (int i = 0; i < 16; ++i) result.lane[i] = nearest(a.lane[i]);
    return result;
}

inline F32x16 to_float(I32x16 a) {
    F32x16 result;
    for (int i = 0; i < 16; ++i) result.lane[i] = static_cast<float>(a.lane[i]);
    return result;
}

inline float float_of_bits(std::uint32_t bits) {
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

inline std::uint32_t bits_of(float value) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}

// 2**n for n from -126 to 127.
inline F32x16 power_of_two(I32x16 n) {
    F32x16 result;
    for (int i = 0; i < 16; ++i)
        result.lane[i] = float_of_bits((static_cast<std::uint32_t>(n.lane[i]) + 127) << 23);
    return result;
}

// Tiles of 8-bit weights (csrc/tiles.h): how many tokens meet a tile's weights at once, and what is
// added to weights so that the dot product can take them.
constexpr std::size_t kTokensAtOnce = 4;
constexpr int kMxfp4Offset = 0;
constexpr int kQ8Offset = 0;

// 16 rows of four columns each, row by row.
struct U8x64 {
    std::uint8_t byte[64];
};

inline I32x16 broadcast_i32(const std::int32_t* from) {
    I32x16 result;
    for (std::int32_t& lane : result.lane) lane = *from;
    return result;
}

inline U8x64 load_tile(const std::uint8_t* from) {
    U8x64 result;
    for (int i = 0; i < 64; ++i) result.byte[i] = from[i];
    return result;
}

struct Mxfp4Values {
    std::int8_t doubled[16];
};

// Twice the value of each four-bit code, with the offset added.
inline Mxfp4Values mxfp4_values() {
    return {{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}};
}

inline U8x64 low_weights(Mxfp4Values values, U8x64 nibbles) {
    for (std::uint8_t& byte : nibbles.byte)
        byte = static_cast<std::uint8_t>(values.doubled[byte & 15]);
    return nibbles;
}

inline U8x64 high_weights(Mxfp4Values values, U8x64 nibbles) {
    for (std::uint8_t& byte : nibbles.byte)
        byte = static_cast<std::uint8_t>(values.doubled[byte >> 4]);
    return nibbles;
}

// From stored weights (128 added) to those that dot_q8 takes.
inline U8x64 q8_weights(U8x64 stored) {
    for (std::uint8_t& byte : stored.byte) byte ^= 128;
    return stored;
}

// Adds to each lane the products of its row's four weights and four columns of a token.
inline I32x16 dot_mxfp4(I32x16 sum, U8x64 weights, const std::int8_t* four) {
    for (int row = 0; row < 16; ++row)
        for (int c = 0; c < 4; ++c)
            sum.lane[row] += static_cast<std::int8_t>(weights.byte[4 * row + c]) * four[c];
    return sum;
}

inline I32x16 dot_q8(I32x16 sum, U8x64 weights, const std::int8_t* four) {
    return dot_mxfp4(sum, weights, four);
}

// 2**(byte - 127); 0 for byte 0 (no normal float32), infinite for 255 (NaN in the format).
inline F32x16 scales_of_e8m0(const std::uint8_t* from) {
    F32x16 result;
    for (int i = 0; i < 16; ++i)
        result.lane[i] = float_of_bits(static_cast<std::uint32_t>(from[i]) << 23);
    return result;
}

// Sixteen numbers of another type, from any address.
inline F32x16 load_f16(const std::uint8_t* from) {
    F32x16 result;
    for (int i = 0; i < 16; ++i) {
        std::uint16_t half;
        __builtin_memcpy(&half, from + 2 * i, sizeof half);
        result.lane[i] = float_of_f16(half);
    }
    return result;
}

inline F32x16 load_bf16(const std::uint8_t* from) {
    F32x16 result;
    for (int i = 0; i < 16; ++i) {
        std::uint16_t half;
        __builtin_memcpy(&half, from + 2 * i, sizeof half);
        result.lane[i] = float_of_bits(static_cast<std::uint32_t>(half) << 16);
    }
    return result;
}

inline F32x16 load_i8(const std::uint8_t* from) {
    F32x16 result;
    for (int i = 0; i < 16; ++i) result.lane[i] = static_cast<std::int8_t>(from[i]);
    return result;
}

// The bits of the largest magnitude in both; a NaN's are larger than any number's.
inline std::uint32_t largest_magnitude_bits(F32x16 a, F32x16 b) {
    std::uint32_t largest = 0;
    for (int i = 0; i < 16; ++i) {
        const std::uint32_t in_a = bits_of(a.lane[i]) & 0x7FFFFFFF;
        const std::uint32_t in_b = bits_of(b.lane[i]) & 0x7FFFFFFF;
        if (in_a > largest) largest = in_a;
        if (in_b > largest) largest = in_b;
    }
    return largest;
}

// Writes the nearest integers, from -128 to 127, as 16 bytes; returns their sum.
inline std::int32_t round_to_bytes(std::int8_t* to, F32x16 a) {
    std::int32_t sum = 0;
    for (int i = 0; i < 16; ++i) {
        const std::int32_t integer = nearest(a.lane[i]);
        to[i] = static_cast<std::int8_t>(integer < -128 ? -128 : integer > 127 ? 127 : integer);
        sum += to[i];
    }
    return sum;
}

// Pairs of bfloat16 and what they meet (csrc/kv_pages.h): rows and vectors of a kernel's inner loop.
constexpr std::size_t kAttentionRows = 4;
constexpr std::size_t kAttentionVectors = 1;

// 16 pairs of bfloat16, widened.
struct Pairs16 {
    F32x16 first, second;
};

// A pair of numbers as dot_pairs takes it.
struct Pair {
    float first, second;
};

inline Pairs16 load_pairs(const std::uint16_t* from) {
    Pairs16 result;
    for (int i = 0; i < 16; ++i) {
        result.first.lane[i] = float_of_bits(static_cast<std::uint32_t>(from[2 * i]) << 16);
        result.second.lane[i] = float_of_bits(static_cast<std::uint32_t>(from[2 * i + 1]) << 16);
    }
    return result;
}

// Writes 32 neighbouring numbers as 16 pairs.
inline void store_pairs(Pair* to, F32x16 lower, F32x16 upper) {
    for (int i = 0; i < 8; ++i) {
        to[i] = {lower.lane[2 * i], lower.lane[2 * i + 1]};
        to[8 + i] = {upper.lane[2 * i], upper.lane[2 * i + 1]};
    }
}

// Adds to each lane its pair times the one pair.
inline F32x16 dot_pairs(F32x16 sum, Pairs16 pairs, const Pair* pair) {
    sum = fma(pairs.first, broadcast(pair->first), sum);
    return fma(pairs.second, broadcast(pair->second), sum);
}

// Lanes first to last as they are, the others minus infinity; 0 <= first <= 16, -1 <= last <= 15.
inline F32x16 keep_lanes(F32x16 a, int first, int last) {
    for (int i = 0; i < 16; ++i)
        if (i < first || i > last) a.lane[i] = -__builtin_inff();
    return a;
}

// The largest of all lanes; any where one is no number.
inline float largest(F32x16 a) {
    for (int i = 1; i < 16; ++i)
        if (a.lane[i] > a.lane[0]) a.lane[0] = a.lane[i];
    return a.lane[0];
}

}  // namespace scalar
}  // namespace ossia
