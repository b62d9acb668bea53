// The vocabulary of csrc/kernels/ in AVX2 and FMA; scalar.h says what each word means.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define OSSIA_ISA avx2

namespace ossia {
namespace avx2 {

constexpr const char* kName = "avx2";
constexpr int kRowsAtOnce = 2;  // eight of the sixteen registers hold sums

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

}  // namespace avx2
}  // namespace ossia
