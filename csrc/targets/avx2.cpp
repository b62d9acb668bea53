// The kernels for processors with AVX2 and FMA (Haswell, Zen and later). CMakeLists.txt compiles this file with those instructions
// allowed, and only this one: it must not pull in inline functions of the standard library, of
// which the linker might keep this copy for every processor (tests/ops/cpu checks it).
#include "../vec/avx2.h"

#include "../kernels/row_dot_f32_mxfp4w.h"

namespace ossia {
namespace avx2 {

extern const Kernels kernels;
const Kernels kernels = {row_dot_f32_mxfp4w};

}  // namespace avx2
}  // namespace ossia
