// The vocabulary of csrc/kernels/ in AVX2 and FMA; scalar.h says what each word means.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define OSSIA_ISA avx2

namespace ossia {
namespace avx2 {

constexpr const char* kName = "avx2";

struct F32x16 {
    __m256 lower, upper;
};

// The bytes, widened to 32 bits a lane.
struct Bytes16 {
    __m256i lower, upper;
};

// Entries 0 to 7. Entries 8 to 15 differ in the sign, which look_up takes from the index.
using Values16 = __m256;

inline F32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }

inline F32x16 load(const float* from) { return {_mm256_load_ps(from), _mm256_load_ps(from + 8)}; }

inline Bytes16 load_bytes(const std::uint8_t* from) {
    const auto* halves = reinterpret_cast<const __m128i*>(from);
    const __m128i bytes = _mm_loadu_si128(halves);
    return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_unpackhi_epi64(bytes, bytes))};
}

inline void prefetch(const std::uint8_t* from) {
    _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T0);
}

inline void prefetch_far(const std::uint16_t* from) {
    _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T1);
}

inline Values16 load_values(const float* from) { return _mm256_load_ps(from); }

// Bits 0 to 2 of each index name the magnitude (vpermps reads no more), bit 3 is the sign.
inline __m256 look_up(Values16 values, __m256i indices) {
    const __m256i top = _mm256_slli_epi32(indices, 28);
    const __m256 sign = _mm256_and_ps(_mm256_castsi256_ps(top), _mm256_set1_ps(-0.0f));
    return _mm256_xor_ps(_mm256_permutevar8x32_ps(values, indices), sign);
}

inline F32x16 look_up_low(Values16 values, Bytes16 bytes) {
    return {look_up(values, bytes.lower), look_up(values, bytes.upper)};
}

inline F32x16 look_up_high(Values16 values, Bytes16 bytes) {
    return {look_up(values, _mm256_srli_epi32(bytes.lower, 4)),
            look_up(values, _mm256_srli_epi32(bytes.upper, 4))};
}

inline F32x16 add(F32x16 a, F32x16 b) {
    return {_mm256_add_ps(a.lower, b.lower), _mm256_add_ps(a.upper, b.upper)};
}

inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
    return {_mm256_fmadd_ps(a.lower, b.lower, c.lower), _mm256_fmadd_ps(a.upper, b.upper, c.upper)};
}

// Eight lanes of each: (a0 b0 .. a3 b3, a4 b4 .. a7 b7).
inline F32x16 interleave_eight(__m256 a, __m256 b) {
    const __m256 outer = _mm256_unpacklo_ps(a, b);  // a0 b0 a1 b1, a4 b4 a5 b5
    const __m256 inner = _mm256_unpackhi_ps(a, b);  // a2 b2 a3 b3, a6 b6 a7 b7
    return {_mm256_permute2f128_ps(outer, inner, 0x20), _mm256_permute2f128_ps(outer, inner, 0x31)};
}

inline void interleave(F32x16& a, F32x16& b) {
    const F32x16 first = interleave_eight(a.lower, b.lower);
    b = interleave_eight(a.upper, b.upper);
    a = first;
}

inline float sum(F32x16 a) {
    const __m256 eight = _mm256_add_ps(a.lower, a.upper);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

struct I32x16 {
    __m256i lower, upper;
};

inline F32x16 broadcast(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }

inline F32x16 load_any(const float* from) {
    return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}

inline void store(float* to, F32x16 a) {
    _mm256_storeu_ps(to, a.lower);
    _mm256_storeu_ps(to + 8, a.upper);
}

inline F32x16 sub(F32x16 a, F32x16 b) {
    return {_mm256_sub_ps(a.lower, b.lower), _mm256_sub_ps(a.upper, b.upper)};
}

inline F32x16 mul(F32x16 a, F32x16 b) {
    return {_mm256_mul_ps(a.lower, b.lower), _mm256_mul_ps(a.upper, b.upper)};
}

inline F32x16 div(F32x16 a, F32x16 b) {
    return {_mm256_div_ps(a.lower, b.lower), _mm256_div_ps(a.upper, b.upper)};
}

inline F32x16 at_least(F32x16 a, F32x16 limit) {
    return {_mm256_max_ps(limit.lower, a.lower), _mm256_max_ps(limit.upper, a.upper)};
}

inline F32x16 at_most(F32x16 a, F32x16 limit) {
    return {_mm256_min_ps(limit.lower, a.lower), _mm256_min_ps(limit.upper, a.upper)};
}

inline F32x16 zero_below(F32x16 a, F32x16 x, F32x16 limit) {
    return {_mm256_andnot_ps(_mm256_cmp_ps(x.lower, limit.lower, _CMP_LT_OQ), a.lower),
            _mm256_andnot_ps(_mm256_cmp_ps(x.upper, limit.upper, _CMP_LT_OQ), a.upper)};
}

inline I32x16 to_int(F32x16 a) {
    return {_mm256_cvtps_epi32(a.lower), _mm256_cvtps_epi32(a.upper)};
}

inline F32x16 to_float(I32x16 a) {
    return {_mm256_cvtepi32_ps(a.lower), _mm256_cvtepi32_ps(a.upper)};
}

inline __m256 power_of_two(__m256i n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

inline F32x16 power_of_two(I32x16 n) { return {power_of_two(n.lower), power_of_two(n.upper)}; }

// Tiles of 8-bit weights (csrc/tiles.h).
constexpr std::size_t kTokensAtOnce = 4;
constexpr int kMxfp4Offset = 12;  // vpmaddubsw wants weights without a sign, and small ones:
constexpr int kQ8Offset = 0;      // it adds two products in 16 bits

struct U8x64 {
    __m256i lower, upper;  // rows 0 to 7 and 8 to 15
};

inline I32x16 broadcast_i32(const std::int32_t* from) {
    return {_mm256_set1_epi32(*from), _mm256_set1_epi32(*from)};
}

inline U8x64 load_tile(const std::uint8_t* from) {
    const auto* halves = reinterpret_cast<const __m256i*>(from);
    return {_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
}

inline __m256i mxfp4_values() {
    return _mm256_broadcastsi128_si256(
        _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
}

inline U8x64 low_weights(__m256i values, U8x64 nibbles) {
    const __m256i mask = _mm256_set1_epi8(15);
    return {_mm256_shuffle_epi8(values, _mm256_and_si256(nibbles.lower, mask)),
            _mm256_shuffle_epi8(values, _mm256_and_si256(nibbles.upper, mask))};
}

inline U8x64 high_weights(__m256i values, U8x64 nibbles) {
    return low_weights(
        values, {_mm256_srli_epi16(nibbles.lower, 4), _mm256_srli_epi16(nibbles.upper, 4)});
}

inline U8x64 q8_weights(U8x64 stored) {
    const __m256i offset = _mm256_set1_epi8(-128);
    return {_mm256_xor_si256(stored.lower, offset), _mm256_xor_si256(stored.upper, offset)};
}

// Weights without a sign, at most 128, times columns with one: 128 * 127 * 2 fits in 16 bits.
inline __m256i dot_eight(__m256i sum, __m256i weights, __m256i columns) {
    const __m256i pairs = _mm256_maddubs_epi16(weights, columns);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

inline __m256i broadcast_four(const std::int8_t* four) {
    std::int32_t columns;
    __builtin_memcpy(&columns, four, 4);
    return _mm256_set1_epi32(columns);
}

inline I32x16 dot_mxfp4(I32x16 sum, U8x64 weights, const std::int8_t* four) {
    const __m256i columns = broadcast_four(four);
    return {dot_eight(sum.lower, weights.lower, columns),
            dot_eight(sum.upper, weights.upper, columns)};
}

// The weight's sign goes over to the column.
inline __m256i dot_eight_signed(__m256i sum, __m256i weights, __m256i columns) {
    return dot_eight(sum, _mm256_abs_epi8(weights), _mm256_sign_epi8(columns, weights));
}

inline I32x16 dot_q8(I32x16 sum, U8x64 weights, const std::int8_t* four) {
    const __m256i columns = broadcast_four(four);
    return {dot_eight_signed(sum.lower, weights.lower, columns),
            dot_eight_signed(sum.upper, weights.upper, columns)};
}

inline F32x16 scales_of_e8m0(const std::uint8_t* from) {
    const Bytes16 bytes = load_bytes(from);
    return {_mm256_castsi256_ps(_mm256_slli_epi32(bytes.lower, 23)),
            _mm256_castsi256_ps(_mm256_slli_epi32(bytes.upper, 23))};
}

inline F32x16 load_f16(const std::uint8_t* from) {
    const auto* halves = reinterpret_cast<const __m128i*>(from);
    return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
}

inline __m256 widen_bf16(__m128i halves) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

inline F32x16 load_bf16(const std::uint8_t* from) {
    const auto* halves = reinterpret_cast<const __m128i*>(from);
    return {widen_bf16(_mm_loadu_si128(halves)), widen_bf16(_mm_loadu_si128(halves + 1))};
}

inline F32x16 load_i8(const std::uint8_t* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes)))};
}

inline std::uint32_t largest_magnitude_bits(F32x16 a, F32x16 b) {
    const __m256i mask = _mm256_set1_epi32(0x7FFFFFFF);
    const auto magnitude = [mask](__m256 eight) {
        return _mm256_and_si256(_mm256_castps_si256(eight), mask);
    };
    const __m256i largest =
        _mm256_max_epu32(_mm256_max_epu32(magnitude(a.lower), magnitude(a.upper)),
                         _mm256_max_epu32(magnitude(b.lower), magnitude(b.upper)));
    __m128i four =
        _mm_max_epu32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4E));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xB1));
    return static_cast<std::uint32_t>(_mm_cvtsi128_si32(four));
}

inline std::int32_t round_to_bytes(std::int8_t* to, F32x16 a) {
    const I32x16 integers = to_int(a);
    const __m256i words = _mm256_permute4x64_epi64(
        _mm256_packs_epi32(integers.lower, integers.upper), 0xD8);  // 16 bits each, in order
    const __m128i bytes =
        _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
    const __m256i eight = _mm256_madd_epi16(_mm256_cvtepi8_epi16(bytes), _mm256_set1_epi16(1));
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
}

// Pairs of bfloat16 (csrc/kv_pages.h).
constexpr std::size_t kAttentionRows = 4;
constexpr std::size_t kAttentionVectors = 1;

struct Pairs16 {
    F32x16 first, second;
};

struct Pair {
    float first, second;
};

inline Pairs16 load_pairs(const std::uint16_t* from) {
    const auto* halves = reinterpret_cast<const __m256i*>(from);
    const __m256i lower = _mm256_loadu_si256(halves), upper = _mm256_loadu_si256(halves + 1);
    const __m256i mask = _mm256_set1_epi32(static_cast<int>(0xFFFF0000));
    return {{_mm256_castsi256_ps(_mm256_slli_epi32(lower, 16)),
             _mm256_castsi256_ps(_mm256_slli_epi32(upper, 16))},
            {_mm256_castsi256_ps(_mm256_and_si256(lower, mask)),
             _mm256_castsi256_ps(_mm256_and_si256(upper, mask))}};
}

inline void store_pairs(Pair* to, F32x16 lower, F32x16 upper) {
    store(&to[0].first, lower);
    store(&to[8].first, upper);
}

inline F32x16 dot_pairs(F32x16 sum, Pairs16 pairs, const Pair* pair) {
    sum = fma(pairs.first, broadcast(pair->first), sum);
    return fma(pairs.second, broadcast(pair->second), sum);
}

inline F32x16 keep_lanes(F32x16 a, int first, int last) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const auto keep = [=](__m256 eight, __m256i lane) {
        const __m256i outside = _mm256_or_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(first), lane),
                                                _mm256_cmpgt_epi32(lane, _mm256_set1_epi32(last)));
        return _mm256_blendv_ps(eight, _mm256_set1_ps(-__builtin_inff()),
                                _mm256_castsi256_ps(outside));
    };
    return {keep(a.lower, lanes), keep(a.upper, _mm256_add_epi32(lanes, _mm256_set1_epi32(8)))};
}

inline float largest(F32x16 a) {
    const __m256 eight = _mm256_max_ps(a.lower, a.upper);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

}  // namespace avx2
}  // namespace ossia
