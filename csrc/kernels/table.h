// The kernels that every instruction set compiles: one function pointer each, same words as in
// Python. Each returns the name of the instruction set whose code ran, so that a test can know.
#pragma once

#include "../rows.h"
#include "../tiles.h"

namespace ossia {

struct Kernels {
    const char* name;  // of the instruction set, by its own account

    // y[token][row] = W[row] times token, plus bias[row] where there is one; weights are exact.
    void (*linear_f32_mxfp4w)(const Mxfp4Matrix& weight, const RowsTask& task);
    void (*linear_f32_q8w)(const Q8Matrix& weight, const RowsTask& task);
    void (*linear_f32_plainw)(const PlainMatrix& weight, const RowsTask& task);

    // The most tokens that the next kernels take side by side, at most kMostTokens.
    std::size_t tokens_at_once;

    // rows[t] is token t's x [columns]; fills `tokens` [blocks, ...] for weights of that format.
    // Columns past the last one are zeros. A NaN makes its block's scale NaN.
    void (*quantise_f32_q8)(const float* const* rows, std::size_t columns, TileFormat format,
                                   const Q8Tokens& tokens);

    // y[token][row] = W[row] times token, plus bias[row] where bias is not null.
    void (*linear_q8_tiles)(const Tiles& weight, const float* bias, const TileTask& task);

    // With g = min(gate, limit) and u = clamp(up, -limit, limit): g * sigmoid(1.702 g) * (u + 1).
    void (*linear_q8_tiles_swiglu)(const Tiles& gate, const float* gate_bias,
                                          const Tiles& up, const float* up_bias, float limit,
                                          const TileTask& task);
};

}  // namespace ossia
