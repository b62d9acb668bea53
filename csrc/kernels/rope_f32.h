// Rotates the halves of every head of one token. Each product and sum is rounded by itself, so all
// instruction sets give the same bits.
#pragma once

#include "table.h"

namespace ossia {
namespace OSSIA_ISA {

// x and y [heads, 2 * half]; cos and sin [half].
inline void rope_f32(const float* x, const float* cos, const float* sin, std::size_t heads,
                     std::size_t half, float* y) {
    for (std::size_t head = 0; head < heads; ++head) {
        const float* second = x + half;
        std::size_t i = 0;
        for (; i + 16 <= half; i += 16) {
            const F32x16 a = load_any(x + i), b = load_any(second + i);
            const F32x16 c = load_any(cos + i), s = load_any(sin + i);
            store(y + i, sub(mul(a, c), mul(b, s)));
            store(y + half + i, add(mul(b, c), mul(a, s)));
        }
        for (; i < half; ++i) {
            y[i] = x[i] * cos[i] - second[i] * sin[i];
            y[half + i] = second[i] * cos[i] + x[i] * sin[i];
        }
        x += 2 * half;
        y += 2 * half;
    }
}

}  // namespace OSSIA_ISA
}  // namespace ossia
