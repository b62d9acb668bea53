// OCP Microscaling Formats v1.0: E2M1 values, E8M0 scales.
#include "mxfp4.h"

#include <cstring>

namespace ossia {
namespace {

// The bits of 2**(scale - 127) times the value of a four-bit code. In integers, so that neither
// the compiler's nor the processor's treatment of denormal numbers can touch the smallest scales.
constexpr std::uint32_t weight_bits(std::uint32_t scale, std::uint32_t code) {
    const std::uint32_t sign = code >> 3 << 31;
    const std::uint32_t magnitude = code & 7;
    if (scale == 255) return sign | 0x7FC00000;  // NaN
    if (magnitude == 0) return sign;
    // Codes 1 and up: 0.5, 1, 1.5, 2, 3, 4, 6 = (1 or 1.5) * 2**(-1, 0, 0, 1, 1, 2, 2).
    const bool has_half = magnitude != 1 && magnitude % 2 == 1;
    const std::int32_t exponent = static_cast<std::int32_t>(scale + magnitude / 2) - 1;
    const std::uint32_t significand = 0x800000 | (has_half ? 0x400000 : 0);  // 24 bits
    if (exponent >= 255) return sign | 0x7F800000;                           // beyond float32
    if (exponent < 1) return sign | significand >> (1 - exponent);           // denormal, exact
    return sign | static_cast<std::uint32_t>(exponent) << 23 | (significand & 0x7FFFFF);
}

constexpr Mxfp4Weights make_weights() {
    Mxfp4Weights weights{};
    for (std::uint32_t scale = 0; scale < 256; ++scale)
        for (std::uint32_t code = 0; code < 16; ++code)
            weights.by_scale[scale][code] = __builtin_bit_cast(float, weight_bits(scale, code));
    return weights;
}

}  // namespace

constexpr Mxfp4Weights mxfp4_weights = make_weights();

void arrange_columns(const float* x, std::size_t num_blocks, NibbleOrder order, float* arranged) {
    const bool is_adjacent = order == NibbleOrder::kAdjacent;
    for (std::size_t block = 0; block < num_blocks; ++block) {
        float columns[kBlockSize];
        std::memcpy(columns, x + block * kBlockSize, sizeof columns);  // x may lie at any address
        for (std::size_t j = 0; j < kBlockBytes; ++j) {
            arranged[j] = columns[is_adjacent ? 2 * j : j];
            arranged[kBlockBytes + j] = columns[is_adjacent ? 2 * j + 1 : kBlockBytes + j];
        }
        arranged += kBlockSize;
    }
}

}  // namespace ossia
