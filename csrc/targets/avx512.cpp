// The kernels for AVX-512 F, BW, DQ, VL and VNNI: Ice Lake, Zen 4 and later.
//
// CMakeLists.txt lets this file alone use those instructions. So it must not pull in inline
// functions of the standard library: of those the linker keeps one copy for every processor, and
// it might be this one (tests/ops/cpu/test_instruction_sets_native.py checks it).
#include "../vec/avx512.h"

#include "../kernels/attention_f32_bf16kv.h"
#include "../kernels/linear_f32_rows.h"
#include "../kernels/linear_q8_tiles.h"
#include "../kernels/rms_norm_f32.h"
#include "../kernels/rope_f32.h"

namespace ossia {
namespace avx512 {

extern const Kernels kernels;
const Kernels kernels = {
    kName,           linear_f32_mxfp4w, linear_f32_q8w,  linear_f32_plainw,
    kTokensAtOnce,   quantise_f32_q8,   linear_q8_tiles, linear_q8_tiles_swiglu,
    attention_f32_bf16kv, attention_merge, attention_finish, rope_f32, rms_norm_f32,
};

}  // namespace avx512
}  // namespace ossia
