// Root mean square normalisation of one row. Sums have one order in every instruction set: with c
// the column, sums[c % 64] in the order of c, then a tree.
#pragma once

#include "table.h"

namespace ossia {
namespace OSSIA_ISA {

inline F32x16 load_at_most(const float* from, std::size_t count) {
    if (count >= 16) return load_any(from);
    alignas(64) float numbers[16] = {};
    __builtin_memcpy(numbers, from, count * sizeof(float));
    return load(numbers);
}

// y = x / sqrt(mean(x**2) + eps) * weight, all [columns].
inline void rms_norm_f32(const float* x, const float* weight, float eps, std::size_t columns,
                         float* y) {
    F32x16 sums[4] = {zero(), zero(), zero(), zero()};
    for (std::size_t c = 0; c < columns; c += 64)
        for (std::size_t i = 0; i < 4 && c + 16 * i < columns; ++i) {
            const F32x16 numbers = load_at_most(x + c + 16 * i, columns - c - 16 * i);
            sums[i] = fma(numbers, numbers, sums[i]);
        }
    const float square_sum = sum(add(add(sums[0], sums[1]), add(sums[2], sums[3])));
    const float root = __builtin_sqrtf(square_sum / static_cast<float>(columns) + eps);
    const F32x16 factor = broadcast(1.0f / root);
    std::size_t c = 0;
    for (; c + 16 <= columns; c += 16)
        store(y + c, mul(mul(load_any(x + c), factor), load_any(weight + c)));
    for (; c < columns; ++c) y[c] = x[c] * (1.0f / root) * weight[c];
}

}  // namespace OSSIA_ISA
}  // namespace ossia
