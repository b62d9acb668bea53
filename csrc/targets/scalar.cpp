// The kernels for any processor: no flags of its own.
#include "../vec/scalar.h"

#include "../kernels/linear_q8_tiles.h"
#include "../kernels/row_dot_f32_mxfp4w.h"

namespace ossia {
namespace scalar {

extern const Kernels kernels;
const Kernels kernels = {kName,           row_dot_f32_mxfp4w, kTokensAtOnce,
                         quantise_f32_q8, linear_q8_tiles,    linear_q8_tiles_swiglu};

}  // namespace scalar
}  // namespace ossia
