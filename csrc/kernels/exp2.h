// 2**x of 16 numbers that are at most 0, the same operations in every instruction set.
#pragma once

namespace ossia {
namespace OSSIA_ISA {

// Within 1.4 units in the last place down to -126; 0 below, where float32 runs out of normal
// numbers; 1 for 0, and NaN for NaN. x = n + r, |r| <= 1/2; 2**r is a polynomial of degree 5 whose
// coefficients make the largest relative error smallest (1e-7, found by reweighted least squares).
inline F32x16 exp2_of_nonpositive(F32x16 x) {
    const I32x16 n = to_int(x);
    const F32x16 r = sub(x, to_float(n));
    F32x16 p = broadcast(0.001326472731307149f);
    p = fma(p, r, broadcast(0.009671512991189957f));
    p = fma(p, r, broadcast(0.05550733581185341f));
    p = fma(p, r, broadcast(0.24022242426872253f));
    p = fma(p, r, broadcast(0.6931470036506653f));
    p = fma(p, r, broadcast(1.0f));
    return zero_below(mul(p, power_of_two(n)), x, broadcast(-126.0f));
}

}  // namespace OSSIA_ISA
}  // namespace ossia
