// e**x of 16 numbers, the same operations and so the same bits in every instruction set.
#pragma once

namespace ossia {
namespace OSSIA_ISA {

// Within 2 units in the last place from -87.3 to 88.3; 0 below, where float32 runs out of normal
// numbers, and e**88.3 above; NaN stays NaN. x = n ln 2 + r, |r| <= ln 2 / 2,
// and e**r by its Taylor polynomial of degree 7, whose rest is below 2**-29.
inline F32x16 exp(F32x16 x) {
    const F32x16 lowest = broadcast(-87.3f);
    const F32x16 clamped = at_most(at_least(x, lowest), broadcast(88.3f));
    const I32x16 n = to_int(mul(clamped, broadcast(1.44269504f)));
    F32x16 r = fma(to_float(n), broadcast(-0.693359375f), clamped);  // ln 2 in two parts
    r = fma(to_float(n), broadcast(2.12194440e-4f), r);
    F32x16 p = broadcast(1.0f / 5040);
    p = fma(p, r, broadcast(1.0f / 720));
    p = fma(p, r, broadcast(1.0f / 120));
    p = fma(p, r, broadcast(1.0f / 24));
    p = fma(p, r, broadcast(1.0f / 6));
    p = fma(p, r, broadcast(0.5f));
    p = fma(p, r, broadcast(1.0f));
    p = fma(p, r, broadcast(1.0f));
    return zero_below(mul(p, power_of_two(n)), x, lowest);
}

}  // namespace OSSIA_ISA
}  // namespace ossia
