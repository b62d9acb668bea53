// IEEE 754 binary16, for processors and compilers without it. Static: a file in targets/ must keep
// its copies to itself.
#pragma once

#include <cstdint>

namespace ossia {

static inline float float_of_f16(std::uint16_t half) {
    const std::uint32_t sign = (half & 0x8000u) << 16;
    const std::uint32_t magnitude = half & 0x7FFFu;
    std::uint32_t bits;
    if (magnitude >= 0x7C00) {  // infinite or NaN
        bits = 0x7F800000 | (magnitude & 0x3FF) << 13;
    } else if (magnitude >= 0x400) {
        bits = (magnitude << 13) + (112u << 23);
    } else {  // denormal: so many times 2**-24
        const float value = static_cast<float>(magnitude) * 0x1p-24f;
        __builtin_memcpy(&bits, &value, sizeof bits);
    }
    bits |= sign;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

// To nearest, ties to even; too large becomes infinite, NaN stays NaN.
static inline std::uint16_t f16_of_float(float value) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
    const std::uint32_t magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return sign | 0x7E00;
    if (magnitude >= 0x477FF000) return sign | 0x7C00;  // rounds to 2**16 or is above
    if (magnitude < 0x38800000) {                       // below 2**-14: a multiple of 2**-24
        float positive;
        __builtin_memcpy(&positive, &magnitude, sizeof positive);
        const float shifted = positive + 0.5f;  // the sum's last bit is 2**-24: it rounds for us
        std::uint32_t sum;
        __builtin_memcpy(&sum, &shifted, sizeof sum);
        return static_cast<std::uint16_t>(sign | (sum - 0x3F000000));
    }
    const std::uint32_t odd = magnitude >> 13 & 1;
    return static_cast<std::uint16_t>(sign | (magnitude - (112u << 23) + 0xFFF + odd) >> 13);
}

}  // namespace ossia
