// The vocabulary of csrc/kernels/ in AVX-512 (F, BW, DQ, VL); scalar.h says what each word means.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define OSSIA_ISA avx512

namespace ossia {
namespace avx512 {

constexpr const char* kName = "avx512";
constexpr int kRowsAtOnce = 2;  // 4 gain nothing from memory (benchmarks/LOG.md)

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

}  // namespace avx512
}  // namespace ossia
