// The kernels that every instruction set compiles: one function pointer each, same words as in
// Python. Each returns the name of the instruction set whose code ran, so that a test can know.
#pragma once

#include "../kv_pages.h"
#include "../rows.h"
#include "../tiles.h"

namespace ossia {

struct Kernels {
    const char* name;  // of the instruction set, by its own account

    // y[token][row] = W[row] times token, plus bias[row] where there is one; weights are exact.
    void (*linear_f32_mxfp4w)(const Mxfp4Matrix& weight, const RowsTask& task);
    void (*linear_f32_q8w)(const Q8Matrix& weight, const RowsTask& task);
    void (*linear_f32_plainw)(const PlainMatrix& weight, const RowsTask& task);

    // The most tokens that the next kernels take side by side.
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

    // The softmax of every row over its keys in one split: fills `records`. `scratch` has room for
    // rows * head_dim numbers. Both are aligned to 64 bytes. Whether queries and weights are
    // rounded to bfloat16 is the instruction set's: avx512bf16 does.
    void (*attention_f32_bf16kv)(const KvPages& pages, const Queries& queries, std::size_t split,
                                 float* scratch, float* records);

    // Adds the records of a later split to those of the splits before.
    void (*attention_merge)(float* records, const float* later, std::size_t rows,
                            std::size_t padded_dim);

    // The records of all splits, and the sinks, as results: y, laid out as queries.q.
    void (*attention_finish)(const float* records, const Queries& queries, std::size_t head_dim,
                             std::size_t padded_dim, float* y);

    // One token: x and y [heads, 2 * half], cos and sin [half].
    void (*rope_f32)(const float* x, const float* cos, const float* sin, std::size_t heads,
                     std::size_t half, float* y);

    // One token: x, weight and y [columns].
    void (*rms_norm_f32)(const float* x, const float* weight, float eps, std::size_t columns,
                         float* y);
};

}  // namespace ossia
