// Dispatch is data: a priority list of names, needed features and tables of kernels.
#include "dispatch.h"

#include <iterator>

#include "features.h"

namespace ossia {

namespace scalar {
extern const Kernels kernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}
namespace avx512bf16 {
extern const Kernels kernels;
}
namespace amx {
extern const Kernels kernels;
}
#elif defined(__aarch64__)
namespace neon {
extern const Kernels kernels;
}
#endif

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kForAvx2 = kAvx2 | kFma | kF16c;
constexpr std::uint32_t kForAvx512 =
    kForAvx2 | kAvx512f | kAvx512bw | kAvx512dq | kAvx512vl | kAvx512vnni;
#endif

const InstructionSet kInstructionSets[] = {
#if defined(__x86_64__)
    {"avx512bf16", kForAvx512 | kAvx512bf16, &avx512bf16::kernels},
    {"avx512", kForAvx512, &avx512::kernels},
    // Behind avx512, without which it is not: so only OSSIA_ISA=amx chooses it. No processor has
    // run it yet, a software model has.
    {"amx", kForAvx512 | kAmxInt8, &amx::kernels},
    {"avx2", kForAvx2, &avx2::kernels},
#elif defined(__aarch64__)
    {"neon", kNeonDotProduct, &neon::kernels},
#endif
    {"scalar", 0, &scalar::kernels},
};

}  // namespace

bool InstructionSet::is_available() const {
    return (detected_features() & required) == required;
}

InstructionSets instruction_sets() {
    return {std::begin(kInstructionSets), std::end(kInstructionSets)};
}

}  // namespace ossia
