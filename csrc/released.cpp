#include "released.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "scratch.h"
#include "threads.h"

namespace ossia {
namespace {

// Rows of one task: few enough to stay in the second-level cache while all tokens meet them, and to
// give every thread some of a small matrix (the router's).
constexpr std::size_t kMostRowsOfTask = 64;

std::size_t rows_of_task(std::size_t rows) {
    return std::clamp<std::size_t>(rows / (4 * num_threads()), 4, kMostRowsOfTask);
}

// x as the kernels want it: [tokens, blocks * 32], each row from a multiple of 64 bytes.
const float* lay_out(const float* x, std::size_t tokens, std::size_t columns, bool is_adjacent) {
    thread_local Scratch scratch;
    const std::size_t blocks = (columns + kBlockSize - 1) / kBlockSize;
    const std::size_t stride = blocks * kBlockSize;
    float* laid = scratch.room_for<float>(tokens * stride);
    for (std::size_t t = 0; t < tokens; ++t) {
        float* row = laid + t * stride;
        if (is_adjacent) {
            arrange_columns(x + t * columns, blocks, NibbleOrder::kAdjacent, row);
        } else {
            std::memcpy(row, x + t * columns, columns * sizeof(float));
            std::fill(row + columns, row + stride, 0.0f);
        }
    }
    return laid;
}

// run(task) for every stretch of rows and every few tokens.
template <class Run>
void cut(std::size_t rows, std::size_t tokens, std::size_t stride, const float* x,
         const float* bias, float* y, Run run) {
    thread_local std::vector<float*> own;
    own.clear();
    for (std::size_t t = 0; t < tokens; ++t) own.push_back(y + t * rows);
    float* const* results = own.data();  // the pool's threads have an `own` of their own
    const std::size_t step = rows_of_task(rows);
    parallel_for((rows + step - 1) / step, [=](std::size_t i) {
        const std::size_t first = i * step;
        for (std::size_t t = 0; t < tokens; t += kTokensOfRows)
            run(RowsTask{first, std::min(first + step, rows), x + t * stride,
                         std::min(kTokensOfRows, tokens - t), bias, results + t});
    });
}

}  // namespace

void linear_released(const Kernels& kernels, const Mxfp4Matrix& weight, const float* bias,
                     const float* x, std::size_t tokens, float* y) {
    const std::size_t columns = weight.num_blocks * kBlockSize;
    const bool is_adjacent = weight.order == NibbleOrder::kAdjacent;
    const float* laid = lay_out(x, tokens, columns, is_adjacent);
    cut(weight.rows, tokens, columns, laid, bias, y,
        [&](const RowsTask& task) { kernels.linear_f32_mxfp4w(weight, task); });
}

void linear_released(const Kernels& kernels, const Q8Matrix& weight, const float* bias,
                     const float* x, std::size_t tokens, float* y) {
    const std::size_t columns = weight.num_blocks * kBlockSize;
    const float* laid = lay_out(x, tokens, columns, false);
    cut(weight.rows, tokens, columns, laid, bias, y,
        [&](const RowsTask& task) { kernels.linear_f32_q8w(weight, task); });
}

void linear_released(const Kernels& kernels, const PlainMatrix& weight, const float* bias,
                     const float* x, std::size_t tokens, float* y) {
    const std::size_t stride = (weight.columns + kBlockSize - 1) / kBlockSize * kBlockSize;
    const float* laid = lay_out(x, tokens, weight.columns, false);
    cut(weight.rows, tokens, stride, laid, bias, y,
        [&](const RowsTask& task) { kernels.linear_f32_plainw(weight, task); });
}

}  // namespace ossia
