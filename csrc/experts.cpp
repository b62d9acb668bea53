#include "experts.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "linear.h"
#include "scratch.h"
#include "threads.h"

namespace ossia {
namespace {

constexpr std::size_t kFewTokens = 8;  // are summed by the calling thread alone

// What a thread keeps from one call to the next.
struct Workspace {
    std::vector<std::size_t> run_experts;  // the expert of each run
    std::vector<std::size_t> run_ends;
    std::vector<std::size_t> slots;  // token * active + rank, those of an expert side by side
    std::vector<const float*> rows;
    std::vector<float*> results;
    QuantisedTokens quantised;
    Scratch inner;   // [slots, inter], in the order of `slots`
    Scratch outputs;  // [tokens, active, hidden]
};

// Sorts the choices by expert; a run is one expert's.
void sort_by_expert(const ExpertsCall& call, Workspace& space) {
    const std::size_t num_slots = call.tokens * call.active;
    std::vector<std::size_t> places(call.num_experts + 1, 0);
    for (std::size_t slot = 0; slot < num_slots; ++slot) ++places[call.expert_ids[slot] + 1];
    space.run_experts.clear();
    space.run_ends.clear();
    for (std::size_t expert = 0; expert < call.num_experts; ++expert) {
        const bool is_chosen = places[expert + 1] > 0;
        places[expert + 1] += places[expert];
        if (!is_chosen) continue;
        space.run_experts.push_back(expert);
        space.run_ends.push_back(places[expert + 1]);
    }
    space.slots.resize(num_slots);
    for (std::size_t slot = 0; slot < num_slots; ++slot)
        space.slots[places[call.expert_ids[slot]]++] = slot;
}

void run_gate_and_up(const Kernels& kernels, const ExpertsCall& call, Workspace& space) {
    space.rows.clear();
    space.results.clear();
    float* inner = space.inner.room_for<float>(space.slots.size() * call.inter);
    for (std::size_t i = 0; i < space.slots.size(); ++i) {
        space.rows.push_back(call.x + space.slots[i] / call.active * call.hidden);
        space.results.push_back(inner + i * call.inter);
    }
    space.quantised.quantise(kernels, space.rows, space.run_ends, call.hidden,
                             call.gate.first.format);
    const std::vector<RunTask> tasks = cut_into_tasks(space.quantised, call.inter);
    parallel_for(tasks.size(), [&](std::size_t i) {
        const RunTask& task = tasks[i];
        const std::size_t expert = space.run_experts[task.run];
        kernels.linear_q8_tiles_swiglu(
            call.gate.of(expert), call.gate.bias_of(expert), call.up.of(expert),
            call.up.bias_of(expert), call.limit,
            {task.first_row_tile, task.last_row_tile,
             space.quantised.groups().data() + task.first_group,
             task.last_group - task.first_group, space.results.data() + task.first_token});
    });
}

void run_down(const Kernels& kernels, const ExpertsCall& call, Workspace& space) {
    space.rows.clear();
    space.results.clear();
    const float* inner = space.inner.room_for<float>(space.slots.size() * call.inter);
    float* outputs = space.outputs.room_for<float>(space.slots.size() * call.hidden);
    for (std::size_t i = 0; i < space.slots.size(); ++i) {
        space.rows.push_back(inner + i * call.inter);
        space.results.push_back(outputs + space.slots[i] * call.hidden);
    }
    space.quantised.quantise(kernels, space.rows, space.run_ends, call.inter,
                             call.down.first.format);
    const std::vector<RunTask> tasks = cut_into_tasks(space.quantised, call.hidden);
    parallel_for(tasks.size(), [&](std::size_t i) {
        const RunTask& task = tasks[i];
        const std::size_t expert = space.run_experts[task.run];
        kernels.linear_q8_tiles(
            call.down.of(expert), call.down.bias_of(expert),
            {task.first_row_tile, task.last_row_tile,
             space.quantised.groups().data() + task.first_group,
             task.last_group - task.first_group, space.results.data() + task.first_token});
    });
}

// Always from the first rank to the last.
void sum_ranks(const ExpertsCall& call, Workspace& space) {
    const float* outputs = space.outputs.room_for<float>(space.slots.size() * call.hidden);
    const auto sum_token = [&](std::size_t token) {
        float* y = call.y + token * call.hidden;
        std::fill(y, y + call.hidden, 0.0f);
        for (std::size_t rank = 0; rank < call.active; ++rank) {
            const std::size_t slot = token * call.active + rank;
            const float weight = call.expert_weights[slot];
            const float* output = outputs + slot * call.hidden;
            for (std::size_t i = 0; i < call.hidden; ++i) y[i] += output[i] * weight;
        }
    };
    if (call.tokens > kFewTokens)
        parallel_for(call.tokens, sum_token);
    else
        for (std::size_t token = 0; token < call.tokens; ++token) sum_token(token);
}

// NaN is below every number.
bool is_above(float a, float b) { return a > b || (std::isnan(b) && !std::isnan(a)); }

}  // namespace

const char* experts(const Kernels& kernels, const ExpertsCall& call) {
    // The pool's threads have their own; tasks take this one's by reference.
    thread_local Workspace own;
    Workspace& space = own;
    sort_by_expert(call, space);
    run_gate_and_up(kernels, call, space);
    run_down(kernels, call, space);
    sum_ranks(call, space);
    return kernels.name;
}

void route(const float* logits, std::size_t tokens, std::size_t num_experts, std::size_t active,
           std::int32_t* ids, float* weights) {
    for (std::size_t token = 0; token < tokens; ++token) {
        // Insertion into a short sorted list: `active` is 4, and most experts do not get in.
        std::size_t count = 0;
        for (std::size_t expert = 0; expert < num_experts; ++expert) {
            const float logit = logits[expert];
            std::size_t place = count;
            while (place > 0 && is_above(logit, weights[place - 1])) --place;
            if (place == active) continue;
            if (count < active) ++count;
            for (std::size_t i = count - 1; i > place; --i) {
                weights[i] = weights[i - 1];
                ids[i] = ids[i - 1];
            }
            weights[place] = logit;
            ids[place] = static_cast<std::int32_t>(expert);
        }
        const float highest = weights[0];
        float total = 0;
        for (std::size_t i = 0; i < active; ++i) {
            weights[i] = std::exp(weights[i] - highest);
            total += weights[i];
        }
        for (std::size_t i = 0; i < active; ++i) weights[i] /= total;
        logits += num_experts;
        ids += active;
        weights += active;
    }
}

}  // namespace ossia
