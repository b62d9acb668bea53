// The kernels for any processor: no flags of its own.
#include "../vec/scalar.h"

#include "../kernels/linear_f32_rows.h"
#include "../kernels/linear_q8_tiles.h"

namespace ossia {
namespace scalar {

extern const Kernels kernels;
const Kernels kernels = {
    kName,           linear_f32_mxfp4w, linear_f32_q8w,  linear_f32_plainw,
    kTokensAtOnce,   quantise_f32_q8,   linear_q8_tiles, linear_q8_tiles_swiglu,
};

}  // namespace scalar
}  // namespace ossia
