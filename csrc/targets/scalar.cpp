// The kernels for any processor. CMakeLists.txt compiles this file with those instructions
// allowed, and only this one: it must not pull in inline functions of the standard library, of
// which the linker might keep this copy for every processor (tests/ops/cpu checks it).
#include "../vec/scalar.h"

#include "../kernels/row_dot_f32_mxfp4w.h"

namespace ossia {
namespace scalar {

extern const Kernels kernels;
const Kernels kernels = {row_dot_f32_mxfp4w};

}  // namespace scalar
}  // namespace ossia
