// The vocabulary of csrc/kernels/ in AVX-512 (F, BW, DQ, VL, VNNI); scalar.h says what each word means.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

// The same words serve three instruction sets: one has dot products of bfloat16 besides, and one
// AMX's tiles (csrc/kernels/dot_tile_amx.h).
#if defined(OSSIA_WITH_AMX)
#define OSSIA_ISA amx
#elif defined(__AVX512BF16__)
#define OSSIA_ISA avx512bf16
#else
#define OSSIA_ISA avx512
#endif

namespace ossia {
namespace OSSIA_ISA {

#if defined(OSSIA_WITH_AMX)
constexpr const char* kName = "amx";
#elif defined(__AVX512BF16__)
constexpr const char* kName = "avx512bf16";
#else
constexpr const char* kName = "avx512";
#endif

using F32x16 = __m512;
using Values16 = __m512;

// The bytes, widened to 32 bits a lane: as indices of vpermps, which reads the low four bits only.
using Bytes16 = __m512i;

inline F32x16 zero() { return _mm512_setzero_ps(); }

inline F32x16 load(const float* from) { return _mm512_load_ps(from); }

inline Bytes16 load_bytes(const std::uint8_t* from) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

inline void prefetch(const std::uint8_t* from) {
    _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T0);
}

inline void prefetch_far(const std::uint16_t* from) {
    _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T1);
}

inline Values16 load_values(const float* from) { return _mm512_load_ps(from); }

inline F32x16 look_up_low(Values16 values, Bytes16 bytes) {
    return _mm512_permutexvar_ps(bytes, values);
}

inline F32x16 look_up_high(Values16 values, Bytes16 bytes) {
    return _mm512_permutexvar_ps(_mm512_srli_epi32(bytes, 4), values);
}

inline F32x16 add(F32x16 a, F32x16 b) { return _mm512_add_ps(a, b); }

inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return _mm512_fmadd_ps(a, b, c); }

inline void interleave(F32x16& a, F32x16& b) {
    const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
    const F32x16 lower = _mm512_permutex2var_ps(a, first, b);
    b = _mm512_permutex2var_ps(a, second, b);
    a = lower;
}

inline float sum(F32x16 a) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

using I32x16 = __m512i;

inline F32x16 broadcast(float value) { return _mm512_set1_ps(value); }

inline F32x16 load_any(const float* from) { return _mm512_loadu_ps(from); }

inline void store(float* to, F32x16 a) { _mm512_storeu_ps(to, a); }

inline F32x16 sub(F32x16 a, F32x16 b) { return _mm512_sub_ps(a, b); }

inline F32x16 mul(F32x16 a, F32x16 b) { return _mm512_mul_ps(a, b); }

inline F32x16 div(F32x16 a, F32x16 b) { return _mm512_div_ps(a, b); }

inline F32x16 at_least(F32x16 a, F32x16 limit) { return _mm512_max_ps(limit, a); }

inline F32x16 at_most(F32x16 a, F32x16 limit) { return _mm512_min_ps(limit, a); }

inline F32x16 zero_below(F32x16 a, F32x16 x, F32x16 limit) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_NLT_UQ), a);
}

inline I32x16 to_int(F32x16 a) { return _mm512_cvtps_epi32(a); }

inline F32x16 to_float(I32x16 a) { return _mm512_cvtepi32_ps(a); }

inline F32x16 power_of_two(I32x16 n) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
}

// Tiles of 8-bit weights (csrc/tiles.h).
using U8x64 = __m512i;
#ifdef OSSIA_WITH_AMX
constexpr std::size_t kTokensAtOnce = 16;  // rows of AMX's tiles
#else
constexpr std::size_t kTokensAtOnce = 12;
#endif
constexpr int kMxfp4Offset = 12;  // vpdpbusd wants weights without a sign
constexpr int kQ8Offset = 128;

inline I32x16 broadcast_i32(const std::int32_t* from) { return _mm512_set1_epi32(*from); }

inline U8x64 load_tile(const std::uint8_t* from) { return _mm512_loadu_si512(from); }

inline U8x64 mxfp4_values() {
    return _mm512_broadcast_i32x4(
        _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
}

inline U8x64 low_weights(U8x64 values, U8x64 nibbles) {
    return _mm512_shuffle_epi8(values, _mm512_and_si512(nibbles, _mm512_set1_epi8(15)));
}

inline U8x64 high_weights(U8x64 values, U8x64 nibbles) {
    return low_weights(values, _mm512_srli_epi16(nibbles, 4));
}

inline U8x64 q8_weights(U8x64 stored) { return stored; }

inline I32x16 dot_mxfp4(I32x16 sum, U8x64 weights, const std::int8_t* four) {
    std::int32_t columns;
    __builtin_memcpy(&columns, four, 4);
    return _mm512_dpbusd_epi32(sum, weights, _mm512_set1_epi32(columns));
}

inline I32x16 dot_q8(I32x16 sum, U8x64 weights, const std::int8_t* four) {
    return dot_mxfp4(sum, weights, four);
}

inline F32x16 scales_of_e8m0(const std::uint8_t* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu8_epi32(bytes), 23));
}

inline F32x16 load_f16(const std::uint8_t* from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

inline F32x16 load_bf16(const std::uint8_t* from) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

inline F32x16 load_i8(const std::uint8_t* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

inline std::uint32_t largest_magnitude_bits(F32x16 a, F32x16 b) {
    const __m512i mask = _mm512_set1_epi32(0x7FFFFFFF);
    const __m512i both = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(a), mask),
                                          _mm512_and_si512(_mm512_castps_si512(b), mask));
    return _mm512_reduce_max_epu32(both);
}

inline std::int32_t round_to_bytes(std::int8_t* to, F32x16 a) {
    const __m512i lowest = _mm512_set1_epi32(-128), highest = _mm512_set1_epi32(127);
    const __m512i integers =
        _mm512_min_epi32(_mm512_max_epi32(_mm512_cvtps_epi32(a), lowest), highest);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(integers));
    return _mm512_reduce_add_epi32(integers);
}

// Pairs of bfloat16 (csrc/kv_pages.h).
constexpr std::size_t kAttentionRows = 8;
constexpr std::size_t kAttentionVectors = 2;

#ifdef __AVX512BF16__

using Pairs16 = __m512i;

// Two bfloat16: queries and weights are rounded to meet keys and values.
using Pair = std::uint32_t;

inline Pairs16 load_pairs(const std::uint16_t* from) { return _mm512_loadu_si512(from); }

inline void store_pairs(Pair* to, F32x16 lower, F32x16 upper) {
    const __m512bh pairs = _mm512_cvtne2ps_pbh(upper, lower);
    __builtin_memcpy(to, &pairs, sizeof pairs);
}

inline F32x16 dot_pairs(F32x16 sum, Pairs16 pairs, const Pair* pair) {
    const __m512i same = _mm512_set1_epi32(static_cast<int>(*pair));
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(pairs),
                            reinterpret_cast<__m512bh>(same));
}

#else

struct Pairs16 {
    F32x16 first, second;
};

struct Pair {
    float first, second;
};

inline Pairs16 load_pairs(const std::uint16_t* from) {
    const __m512i pairs = _mm512_loadu_si512(from);
    const __m512i mask = _mm512_set1_epi32(static_cast<int>(0xFFFF0000));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)),
            _mm512_castsi512_ps(_mm512_and_si512(pairs, mask))};
}

inline void store_pairs(Pair* to, F32x16 lower, F32x16 upper) {
    store(&to[0].first, lower);
    store(&to[8].first, upper);
}

inline F32x16 dot_pairs(F32x16 sum, Pairs16 pairs, const Pair* pair) {
    sum = fma(pairs.first, broadcast(pair->first), sum);
    return fma(pairs.second, broadcast(pair->second), sum);
}

#endif

inline F32x16 keep_lanes(F32x16 a, int first, int last) {
    const unsigned kept = ((1u << (last + 1)) - 1) & ~((1u << first) - 1);
    return _mm512_mask_mov_ps(_mm512_set1_ps(-__builtin_inff()), static_cast<__mmask16>(kept), a);
}

inline float largest(F32x16 a) {
    const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

}  // namespace OSSIA_ISA
}  // namespace ossia
