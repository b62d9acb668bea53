// The mixture of experts: which tokens go to which expert, and in what order results are summed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/table.h"

namespace ossia {

// Matrices of all experts of a layer, one behind the other.
struct ExpertTiles {
    Tiles first;           // of expert 0
    std::size_t stride;    // bytes from one expert to the next
    const float* bias;     // [experts, rows]
    Tiles of(std::size_t expert) const {
        Tiles tiles = first;
        tiles.tiles += expert * stride;
        return tiles;
    }
    const float* bias_of(std::size_t expert) const { return bias + expert * first.rows; }
};

struct ExpertsCall {
    const float* x;                     // [tokens, hidden]
    const std::int32_t* expert_ids;     // [tokens, active], each below num_experts
    const float* expert_weights;        // [tokens, active]
    std::size_t tokens, active, num_experts, hidden, inter;
    ExpertTiles gate, up;               // [experts, inter, hidden]
    ExpertTiles down;                   // [experts, hidden, inter]
    float limit;
    float* y;                           // [tokens, hidden]
};

// y = sum over a token's experts of weight * down(swiglu(gate x, up x)), in the order given.
// Returns the name of the instruction set that ran.
const char* experts(const Kernels& kernels, const ExpertsCall& call);

// The `active` highest of logits [tokens, experts] as ids, and their softmax among themselves as
// weights, both [tokens, active], highest first; of equals the lower id first. NaN ranks below all.
void route(const float* logits, std::size_t tokens, std::size_t num_experts, std::size_t active,
           std::int32_t* ids, float* weights);

}  // namespace ossia
