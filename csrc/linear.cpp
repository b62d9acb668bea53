#include "linear.h"

#include <algorithm>

#include "threads.h"

namespace ossia {
namespace {

// Activations of one task's tokens stay in the second-level cache while all its weights pass by.
constexpr std::size_t kTokensOfTask = 192;

// A thread gets about so many tasks, so that one that a neighbour slows down takes fewer.
constexpr std::size_t kTasksOfThread = 16;

constexpr std::size_t kFewTokens = 8;  // are quantised by the calling thread alone

}  // namespace

void QuantisedTokens::quantise(const Kernels& kernels, const std::vector<const float*>& rows,
                               const std::vector<std::size_t>& run_ends, std::size_t columns,
                               TileFormat format) {
    const std::size_t blocks = (columns + kBlockSize - 1) / kBlockSize;
    auto* values = values_.room_for<std::int8_t>(rows.size() * blocks * kBlockSize);
    auto* scales = scales_.room_for<float>(rows.size() * blocks);
    auto* starts = starts_.room_for<std::int32_t>(rows.size() * blocks);
    groups_.clear();
    group_ends_.clear();
    std::vector<std::size_t> first_tokens;
    std::size_t first = 0;
    for (const std::size_t end : run_ends) {
        // Groups of nearly the same size, because small ones use the weights less well.
        const std::size_t most = kernels.tokens_at_once;
        for (std::size_t left = (end - first + most - 1) / most; left > 0; --left) {
            const std::size_t tokens = (end - first + left - 1) / left;
            const std::size_t place = first * blocks;
            groups_.push_back({values + place * kBlockSize, scales + place, starts + place, tokens});
            first_tokens.push_back(first);
            first += tokens;
        }
        group_ends_.push_back(groups_.size());
    }
    const auto quantise_group = [&](std::size_t group) {
        kernels.quantise_f32_q8(rows.data() + first_tokens[group], columns, format, groups_[group]);
    };
    if (rows.size() > kFewTokens)
        parallel_for(groups_.size(), quantise_group);
    else
        for (std::size_t group = 0; group < groups_.size(); ++group) quantise_group(group);
}

std::vector<RunTask> cut_into_tasks(const QuantisedTokens& x, std::size_t rows) {
    const std::size_t row_tiles = num_row_tiles(rows);
    const std::size_t wanted = num_threads() * kTasksOfThread;
    std::size_t num_tokens = 0;
    for (const Q8Tokens& group : x.groups()) num_tokens += group.tokens;
    std::vector<RunTask> tasks;
    std::size_t first_group = 0, first_token = 0;
    for (std::size_t run = 0; run < x.group_ends().size(); ++run) {
        while (first_group < x.group_ends()[run]) {
            std::size_t last_group = first_group, tokens = 0;
            while (last_group < x.group_ends()[run] && tokens < kTokensOfTask)
                tokens += x.groups()[last_group++].tokens;
            // Its share of the wanted tasks is its share of all work.
            const std::size_t pieces = std::max<std::size_t>(1, wanted * tokens / num_tokens);
            const std::size_t step = std::max<std::size_t>(1, row_tiles / pieces);
            for (std::size_t tile = 0; tile < row_tiles; tile += step)
                tasks.push_back({run, tile, std::min(tile + step, row_tiles), first_group,
                                 last_group, first_token});
            first_group = last_group;
            first_token += tokens;
        }
    }
    return tasks;
}

const char* linear(const Kernels& kernels, const Tiles& weight, const float* bias, const float* x,
                   std::size_t tokens, std::size_t columns, float* y) {
    thread_local QuantisedTokens quantised;
    thread_local std::vector<const float*> rows;
    thread_local std::vector<float*> results;
    rows.clear();
    results.clear();
    for (std::size_t token = 0; token < tokens; ++token) {
        rows.push_back(x + token * columns);
        results.push_back(y + token * weight.rows);
    }
    quantised.quantise(kernels, rows, {tokens}, columns, weight.format);
    const std::vector<RunTask> tasks = cut_into_tasks(quantised, weight.rows);
    // Threads of the pool have thread_locals of their own: they are given this thread's.
    const Q8Tokens* groups = quantised.groups().data();
    float* const* rows_of_y = results.data();
    parallel_for(tasks.size(), [&, groups, rows_of_y](std::size_t i) {
        const RunTask& task = tasks[i];
        kernels.linear_q8_tiles(weight, bias,
                                {task.first_row_tile, task.last_row_tile, groups + task.first_group,
                                 task.last_group - task.first_group,
                                 rows_of_y + task.first_token});
    });
    return kernels.name;
}

}  // namespace ossia
