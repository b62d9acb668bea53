// On x86-64 asks the processor (CPUID) and the operating system (XGETBV): Intel SDM volume 1, 14.3
// and 15.2; on 64-bit ARM the operating system alone, because only it may ask the processor.
//
// Both must agree on x86-64. A processor may have AVX-512 while the kernel of the operating system
// (or a hypervisor) does not save its registers at a task switch; using them would then be fatal.
#include "features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>

#include <cstddef>
#endif

namespace ossia {
namespace {

#if defined(__x86_64__)

constexpr std::uint64_t kYmmSaved = 0x06;  // XCR0: SSE and AVX state
constexpr std::uint64_t kZmmSaved = 0xE6;  // and mask registers, both halves of zmm

std::uint64_t extended_control_register() {
    std::uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return static_cast<std::uint64_t>(high) << 32 | low;
}

constexpr std::uint64_t kAmxSaved = 0x60000;  // XTILECFG, XTILEDATA
constexpr unsigned kAmxBits = 1u << 24 | 1u << 25;  // of CPUID leaf 7, edx: AMX-TILE, AMX-INT8

// Linux saves tiles (8 KB) only for processes that asked: kernel documentation, x86/xstate.
bool may_use_amx() {
#if defined(__linux__)
    constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
    return false;
#endif
}

std::uint32_t detect() {
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return 0;
    const bool has_xgetbv = ecx & bit_OSXSAVE;
    const bool has_fma = ecx & bit_FMA;
    const bool has_f16c = ecx & bit_F16C;
    if (!has_xgetbv || !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return 0;

    const std::uint64_t saved = extended_control_register();
    std::uint32_t features = 0;
    if ((saved & kYmmSaved) == kYmmSaved) {
        if (has_fma) features |= kFma;
        if (has_f16c) features |= kF16c;
        if (ebx & bit_AVX2) features |= kAvx2;
    }
    if ((saved & kZmmSaved) == kZmmSaved) {
        if (ebx & bit_AVX512F) features |= kAvx512f;
        if (ebx & bit_AVX512BW) features |= kAvx512bw;
        if (ebx & bit_AVX512DQ) features |= kAvx512dq;
        if (ebx & bit_AVX512VL) features |= kAvx512vl;
        if (ecx & bit_AVX512VNNI) features |= kAvx512vnni;
        const bool has_amx = (edx & kAmxBits) == kAmxBits && (saved & kAmxSaved) == kAmxSaved;
        if (has_amx && may_use_amx()) features |= kAmxInt8;
        if (__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && eax & bit_AVX512BF16)
            features |= kAvx512bf16;
    }
    return features;
}

#elif defined(__aarch64__) && defined(__linux__)

std::uint32_t detect() {
    std::uint32_t features = 0;
    if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) features |= kNeonDotProduct;
    return features;
}

#elif defined(__aarch64__) && defined(__APPLE__)

std::uint32_t detect() {
    int has_dot_product = 0;  // stays 0 where the system does not know the name
    std::size_t size = sizeof has_dot_product;
    sysctlbyname("hw.optional.arm.FEAT_DotProd", &has_dot_product, &size, nullptr, 0);
    std::uint32_t features = 0;
    if (has_dot_product) features |= kNeonDotProduct;
    return features;
}

#else

std::uint32_t detect() { return 0; }

#endif

}  // namespace

std::uint32_t detected_features() {
    static const std::uint32_t features = detect();
    return features;
}

}  // namespace ossia
