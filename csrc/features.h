// What this processor can do, as a bitmask. Knows nothing of kernels.
#pragma once

#include <cstdint>

namespace ossia {

enum Feature : std::uint32_t {
    kAvx2 = 1u << 0,
    kFma = 1u << 1,
    kAvx512f = 1u << 2,
    kAvx512bw = 1u << 3,
    kAvx512dq = 1u << 4,
    kAvx512vl = 1u << 5,
    kAvx512vnni = 1u << 6,
    kF16c = 1u << 7,
    kAvx512bf16 = 1u << 8,
    kAmxInt8 = 1u << 10,        // AMX-TILE and AMX-INT8
    kNeonDotProduct = 1u << 9,  // FEAT_DotProd, with all of ARMv8.2
};

// The features that the processor has and whose registers the operating system saves; asked once.
std::uint32_t detected_features();

}  // namespace ossia
