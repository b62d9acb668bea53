// Attention, storing of keys and values, rotary embedding and normalisation for many tokens: cuts
// them into tasks for the threads. Knows caches and tasks; the arithmetic is a kernel's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/table.h"

namespace ossia {

// The tokens of a step: those of sequence s are starts[s] to starts[s + 1] - 1.
struct TokenRuns {
    const std::int32_t* positions;  // [tokens]
    const std::int32_t* starts;     // [sequences + 1]
    const std::int32_t* page_ids;   // [sequences, logical_pages]
    std::size_t sequences;
    std::size_t logical_pages;
};

// y [tokens, heads * head_dim] for q [tokens, heads, head_dim], whose keys are already stored.
// sinks [heads]; window as in Queries. Every page that a token sees must be named.
void attention(const Kernels& kernels, const KvPages& pages, const TokenRuns& runs, const float* q,
               const float* sinks, std::size_t heads, std::size_t window, float* y);

// Writes k and v [tokens, kv_heads, head_dim], rounded to bfloat16, into slots [tokens]: page times
// 32 plus place in the page. A page whose first place is written is cleared before, so that no
// number of an earlier owner is left in it.
void store_kv(const float* k, const float* v, const std::int32_t* slots, std::size_t tokens,
              std::uint16_t* keys, std::uint16_t* values, const KvPages& pages);

// y [tokens, heads, head_dim]: x with the halves of each head rotated by position * frequency, and
// scaled. frequencies [head_dim / 2].
void rope(const Kernels& kernels, const float* x, const std::int32_t* positions,
          const float* frequencies, float scale, std::size_t tokens, std::size_t heads,
          std::size_t head_dim, float* y);

// y [tokens, columns] = x / sqrt(mean(x**2) + eps) * weight.
void rms_norm(const Kernels& kernels, const float* x, const float* weight, float eps,
              std::size_t tokens, std::size_t columns, float* y);

}  // namespace ossia
