// The kernels for any processor: no flags of its own.
#include "../vec/scalar.h"

#include "../kernels/attention_f32_bf16kv.h"
#include "../kernels/linear_f32_rows.h"
#include "../kernels/linear_q8_tiles.h"
#include "../kernels/rms_norm_f32.h"
#include "../kernels/rope_f32.h"

namespace ossia {
namespace scalar {

extern const Kernels kernels;
const Kernels kernels = {
    kName,           linear_f32_mxfp4w, linear_f32_q8w,  linear_f32_plainw,
    kTokensAtOnce,   quantise_f32_q8,   linear_q8_tiles, linear_q8_tiles_swiglu,
    attention_f32_bf16kv, attention_merge, attention_finish, rope_f32, rms_norm_f32,
};

}  // namespace scalar
}  // namespace ossia
