// The vocabulary of csrc/kernels/ in plain C++: what each word means, for any processor.
//
// fma is the C library's where the processor has no such instruction: slow, and correctly rounded
// like the instruction, which is what makes all instruction sets agree to the last bit.
#pragma once

#include <cstddef>
#include <cstdint>

#define OSSIA_ISA scalar

namespace ossia {
namespace scalar {

constexpr const char* kName = "scalar";
constexpr int kRowsAtOnce = 1;

struct F32x16 {
    float lane[16];
};

struct Bytes16 {
    const std::uint8_t* bytes;
};

// Asks for memory that will be read soon.
inline void prefetch(const std::uint8_t* from) { __builtin_prefetch(from); }

// Sixteen float32 to look up by a nibble, entries 8 to 15 being entries 0 to 7 with the sign set.
struct Values16 {
    const float* values;
};

inline F32x16 zero() { return F32x16{}; }

inline F32x16 load(const float* from) {
    F32x16 result;
    for (int i = 0; i < 16; ++i) result.lane[i] = from[i];
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

}  // namespace scalar
}  // namespace ossia
