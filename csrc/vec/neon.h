// The vocabulary of csrc/kernels/ in NEON with dot product; scalar.h says what each word means.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#define OSSIA_ISA neon

namespace ossia {
namespace neon {

constexpr const char* kName = "neon";

// Four lanes each. Words name the four one by one, so that they stay in registers.
struct F32x16 {
    float32x4_t first, second, third, fourth;
};

using Bytes16 = uint8x16_t;

// The lower and upper byte of each entry's upper half: the lower half of a weight of MXFP4 is zero
// whatever its scale, because a bfloat16 holds it.
struct Values16 {
    uint8x16_t lower, upper;
};

// f(four lanes of each argument), for all sixteen.
template <class F, class... Vectors>
inline F32x16 by_fours(F f, Vectors... vectors) {
    return {f(vectors.first...), f(vectors.second...), f(vectors.third...),
            f(vectors.fourth...)};
}

inline void prefetch(const std::uint8_t* from) { __builtin_prefetch(from); }

inline void prefetch_far(const std::uint16_t* from) { __builtin_prefetch(from, 0, 2); }

inline F32x16 broadcast(float value) {
    const float32x4_t four = vdupq_n_f32(value);
    return {four, four, four, four};
}

inline F32x16 zero() { return broadcast(0); }

inline F32x16 load_any(const float* from) {
    return {vld1q_f32(from), vld1q_f32(from + 4), vld1q_f32(from + 8), vld1q_f32(from + 12)};
}

inline F32x16 load(const float* from) { return load_any(from); }

inline void store(float* to, F32x16 a) {
    vst1q_f32(to, a.first);
    vst1q_f32(to + 4, a.second);
    vst1q_f32(to + 8, a.third);
    vst1q_f32(to + 12, a.fourth);
}

inline Bytes16 load_bytes(const std::uint8_t* from) { return vld1q_u8(from); }

// The upper halves of two registers' lanes.
inline uint8x16_t upper_halves(float32x4_t a, float32x4_t b) {
    return vreinterpretq_u8_u16(vuzp2q_u16(vreinterpretq_u16_f32(a), vreinterpretq_u16_f32(b)));
}

inline Values16 load_values(const float* from) {
    const F32x16 entries = load(from);
    const uint8x16_t low = upper_halves(entries.first, entries.second);
    const uint8x16_t high = upper_halves(entries.third, entries.fourth);
    return {vuzp1q_u8(low, high), vuzp2q_u8(low, high)};
}

inline float32x4_t widen_low_bf16(uint16x8_t halves) {
    return vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(halves), 16));
}

inline float32x4_t widen_high_bf16(uint16x8_t halves) {
    return vreinterpretq_f32_u32(vshll_high_n_u16(halves, 16));
}

inline F32x16 widen_bf16(uint16x8_t low, uint16x8_t high) {
    return {widen_low_bf16(low), widen_high_bf16(low), widen_low_bf16(high), widen_high_bf16(high)};
}

inline F32x16 look_up(Values16 values, uint8x16_t indices) {
    const uint8x16_t lower = vqtbl1q_u8(values.lower, indices);
    const uint8x16_t upper = vqtbl1q_u8(values.upper, indices);
    return widen_bf16(vreinterpretq_u16_u8(vzip1q_u8(lower, upper)),
                      vreinterpretq_u16_u8(vzip2q_u8(lower, upper)));
}

inline F32x16 look_up_low(Values16 values, Bytes16 bytes) {
    return look_up(values, vandq_u8(bytes, vdupq_n_u8(15)));
}

inline F32x16 look_up_high(Values16 values, Bytes16 bytes) {
    return look_up(values, vshrq_n_u8(bytes, 4));
}

inline F32x16 add(F32x16 a, F32x16 b) {
    return by_fours([](float32x4_t x, float32x4_t y) { return vaddq_f32(x, y); }, a, b);
}

inline F32x16 sub(F32x16 a, F32x16 b) {
    return by_fours([](float32x4_t x, float32x4_t y) { return vsubq_f32(x, y); }, a, b);
}

inline F32x16 mul(F32x16 a, F32x16 b) {
    return by_fours([](float32x4_t x, float32x4_t y) { return vmulq_f32(x, y); }, a, b);
}

inline F32x16 div(F32x16 a, F32x16 b) {
    return by_fours([](float32x4_t x, float32x4_t y) { return vdivq_f32(x, y); }, a, b);
}

inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
    return by_fours([](float32x4_t x, float32x4_t y, float32x4_t z) { return vfmaq_f32(z, x, y); },
                    a, b, c);
}

inline void interleave(F32x16& a, F32x16& b) {
    const F32x16 first = {vzip1q_f32(a.first, b.first), vzip2q_f32(a.first, b.first),
                          vzip1q_f32(a.second, b.second), vzip2q_f32(a.second, b.second)};
    b = {vzip1q_f32(a.third, b.third), vzip2q_f32(a.third, b.third),
         vzip1q_f32(a.fourth, b.fourth), vzip2q_f32(a.fourth, b.fourth)};
    a = first;
}

inline float sum(F32x16 a) {
    const float32x4_t four =
        vaddq_f32(vaddq_f32(a.first, a.third), vaddq_f32(a.second, a.fourth));
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vpadds_f32(two);
}

// vmaxq_f32 would make a number of -0 and 0, and NaN of a limit that is none.
inline F32x16 at_least(F32x16 a, F32x16 limit) {
    const auto limited = [](float32x4_t x, float32x4_t least) {
        return vbslq_f32(vcltq_f32(x, least), least, x);
    };
    return by_fours(limited, a, limit);
}

inline F32x16 at_most(F32x16 a, F32x16 limit) {
    const auto limited = [](float32x4_t x, float32x4_t most) {
        return vbslq_f32(vcgtq_f32(x, most), most, x);
    };
    return by_fours(limited, a, limit);
}

inline F32x16 zero_below(F32x16 a, F32x16 x, F32x16 limit) {
    const auto kept = [](float32x4_t four, float32x4_t number, float32x4_t least) {
        const uint32x4_t is_below = vcltq_f32(number, least);
        return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(four), is_below));
    };
    return by_fours(kept, a, x, limit);
}

struct I32x16 {
    int32x4_t first, second, third, fourth;
};

// What x86 gives where there is no such integer, INT32_MIN, rather than ARM's nearest or 0.
inline int32x4_t nearest(float32x4_t a) {
    const uint32x4_t fits = vcltq_f32(a, vdupq_n_f32(2147483648.0f));
    return vbslq_s32(fits, vcvtnq_s32_f32(a), vdupq_n_s32(INT32_MIN));
}

inline I32x16 to_int(F32x16 a) {
    return {nearest(a.first), nearest(a.second), nearest(a.third), nearest(a.fourth)};
}

inline F32x16 to_float(I32x16 a) {
    return by_fours([](int32x4_t four) { return vcvtq_f32_s32(four); }, a);
}

inline F32x16 power_of_two(I32x16 n) {
    const auto power = [](int32x4_t four) {
        return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(four, vdupq_n_s32(127)), 23));
    };
    return by_fours(power, n);
}

// Tiles of 8-bit weights (csrc/tiles.h). Of the 32 registers, 16 hold sums and 8 weights.
constexpr std::size_t kTokensAtOnce = 4;
constexpr int kMxfp4Offset = 0;  // sdot wants both with a sign
constexpr int kQ8Offset = 0;

struct U8x64 {
    uint8x16_t first, second, third, fourth;  // four rows each
};

inline I32x16 broadcast_i32(const std::int32_t* from) {
    const int32x4_t four = vld1q_dup_s32(from);
    return {four, four, four, four};
}

inline U8x64 load_tile(const std::uint8_t* from) {
    return {vld1q_u8(from), vld1q_u8(from + 16), vld1q_u8(from + 32), vld1q_u8(from + 48)};
}

inline uint8x16_t mxfp4_values() {
    const std::int8_t doubled[] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    return vreinterpretq_u8_s8(vld1q_s8(doubled));
}

inline U8x64 low_weights(uint8x16_t values, U8x64 nibbles) {
    const uint8x16_t mask = vdupq_n_u8(15);
    return {vqtbl1q_u8(values, vandq_u8(nibbles.first, mask)),
            vqtbl1q_u8(values, vandq_u8(nibbles.second, mask)),
            vqtbl1q_u8(values, vandq_u8(nibbles.third, mask)),
            vqtbl1q_u8(values, vandq_u8(nibbles.fourth, mask))};
}

inline U8x64 high_weights(uint8x16_t values, U8x64 nibbles) {
    return {vqtbl1q_u8(values, vshrq_n_u8(nibbles.first, 4)),
            vqtbl1q_u8(values, vshrq_n_u8(nibbles.second, 4)),
            vqtbl1q_u8(values, vshrq_n_u8(nibbles.third, 4)),
            vqtbl1q_u8(values, vshrq_n_u8(nibbles.fourth, 4))};
}

inline U8x64 q8_weights(U8x64 stored) {
    const uint8x16_t offset = vdupq_n_u8(128);
    return {veorq_u8(stored.first, offset), veorq_u8(stored.second, offset),
            veorq_u8(stored.third, offset), veorq_u8(stored.fourth, offset)};
}

// Only lane 0 of the columns is loaded and used: to fill all lanes would cost an instruction.
inline I32x16 dot_mxfp4(I32x16 sum, U8x64 weights, const std::int8_t* four) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, four, 4);
    const int8x8_t columns = vcreate_s8(bits);
    return {vdotq_lane_s32(sum.first, vreinterpretq_s8_u8(weights.first), columns, 0),
            vdotq_lane_s32(sum.second, vreinterpretq_s8_u8(weights.second), columns, 0),
            vdotq_lane_s32(sum.third, vreinterpretq_s8_u8(weights.third), columns, 0),
            vdotq_lane_s32(sum.fourth, vreinterpretq_s8_u8(weights.fourth), columns, 0)};
}

inline I32x16 dot_q8(I32x16 sum, U8x64 weights, const std::int8_t* four) {
    return dot_mxfp4(sum, weights, four);
}

// The exponent's byte goes to bits 7 to 14 of a bfloat16.
inline F32x16 scales_of_e8m0(const std::uint8_t* from) {
    const uint8x16_t bytes = vld1q_u8(from);
    return widen_bf16(vshll_n_u8(vget_low_u8(bytes), 7), vshll_high_n_u8(bytes, 7));
}

inline F32x16 load_f16(const std::uint8_t* from) {
    const float16x8_t low = vreinterpretq_f16_u8(vld1q_u8(from));
    const float16x8_t high = vreinterpretq_f16_u8(vld1q_u8(from + 16));
    return {vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low),
            vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)};
}

inline F32x16 load_bf16(const std::uint8_t* from) {
    return widen_bf16(vreinterpretq_u16_u8(vld1q_u8(from)),
                      vreinterpretq_u16_u8(vld1q_u8(from + 16)));
}

inline F32x16 load_i8(const std::uint8_t* from) {
    const int8x16_t bytes = vreinterpretq_s8_u8(vld1q_u8(from));
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
            vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))};
}

inline std::uint32_t largest_magnitude_bits(F32x16 a, F32x16 b) {
    const auto larger = [](float32x4_t x, float32x4_t y) {
        const uint32x4_t mask = vdupq_n_u32(0x7FFFFFFF);
        return vreinterpretq_f32_u32(vmaxq_u32(vandq_u32(vreinterpretq_u32_f32(x), mask),
                                               vandq_u32(vreinterpretq_u32_f32(y), mask)));
    };
    const F32x16 both = by_fours(larger, a, b);
    const float32x4_t four =
        larger(larger(both.first, both.second), larger(both.third, both.fourth));
    return vmaxvq_u32(vreinterpretq_u32_f32(four));
}

inline std::int32_t round_to_bytes(std::int8_t* to, F32x16 a) {
    const I32x16 integers = to_int(a);
    const int16x8_t low = vqmovn_high_s32(vqmovn_s32(integers.first), integers.second);
    const int16x8_t high = vqmovn_high_s32(vqmovn_s32(integers.third), integers.fourth);
    const int8x16_t bytes = vqmovn_high_s16(vqmovn_s16(low), high);
    vst1q_s8(to, bytes);
    return vaddlvq_s8(bytes);
}

// Pairs of bfloat16 (csrc/kv_pages.h). bfdot, where there is one, rounds in its own way.
constexpr std::size_t kAttentionRows = 4;
constexpr std::size_t kAttentionVectors = 1;

struct Pairs16 {
    F32x16 first, second;
};

struct Pair {
    float first, second;
};

inline Pairs16 load_pairs(const std::uint16_t* from) {
    const F32x16 pairs = {vreinterpretq_f32_u16(vld1q_u16(from)),
                          vreinterpretq_f32_u16(vld1q_u16(from + 8)),
                          vreinterpretq_f32_u16(vld1q_u16(from + 16)),
                          vreinterpretq_f32_u16(vld1q_u16(from + 24))};
    const auto widen_first = [](float32x4_t four) {
        return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(four), 16));
    };
    const auto widen_second = [](float32x4_t four) {
        const uint32x4_t mask = vdupq_n_u32(0xFFFF0000);
        return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(four), mask));
    };
    return {by_fours(widen_first, pairs), by_fours(widen_second, pairs)};
}

inline void store_pairs(Pair* to, F32x16 lower, F32x16 upper) {
    store(&to[0].first, lower);
    store(&to[8].first, upper);
}

inline F32x16 dot_pairs(F32x16 sum, Pairs16 pairs, const Pair* pair) {
    const float32x2_t both = vld1_f32(&pair->first);
    const auto add_first = [both](float32x4_t total, float32x4_t four) {
        return vfmaq_lane_f32(total, four, both, 0);
    };
    const auto add_second = [both](float32x4_t total, float32x4_t four) {
        return vfmaq_lane_f32(total, four, both, 1);
    };
    return by_fours(add_second, by_fours(add_first, sum, pairs.first), pairs.second);
}

inline F32x16 keep_lanes(F32x16 a, int first, int last) {
    const auto keep = [first, last](float32x4_t four, int lane) {
        const std::int32_t lanes[] = {lane, lane + 1, lane + 2, lane + 3};
        const int32x4_t index = vld1q_s32(lanes);
        const uint32x4_t is_kept = vandq_u32(vcgeq_s32(index, vdupq_n_s32(first)),
                                             vcleq_s32(index, vdupq_n_s32(last)));
        return vbslq_f32(is_kept, four, vdupq_n_f32(-__builtin_inff()));
    };
    return {keep(a.first, 0), keep(a.second, 4), keep(a.third, 8), keep(a.fourth, 12)};
}

inline float largest(F32x16 a) {
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.first, a.second), vmaxq_f32(a.third, a.fourth)));
}

}  // namespace neon
}  // namespace ossia
