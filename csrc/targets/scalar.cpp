// The kernels for any processor: no flags of its own.
#include "../vec/scalar.h"

#include "../kernels/row_dot_f32_mxfp4w.h"

namespace ossia {
namespace scalar {

extern const Kernels kernels;
const Kernels kernels = {row_dot_f32_mxfp4w};

}  // namespace scalar
}  // namespace ossia
