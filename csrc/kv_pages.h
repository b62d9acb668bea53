// Where one layer's keys and values lie, and which queries meet them. Knows no arithmetic.
//
// A page holds 32 neighbouring tokens. Two numbers that a dot product adds up are neighbours: of a
// key two dimensions, of a value two tokens. A 32-bit lane then is one such pair; the lanes of a
// register are 16 keys where scores are made and 16 dimensions where values are mixed, so that no
// sum ever crosses lanes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ossia {

constexpr std::size_t kPageSize = 32;

// Keys that share one step of the softmax, and those that share one partial result. Both begin at
// multiples of their size in the sequence, whatever the batch: a query's result has one order of
// operations, which depends on its position and window alone.
constexpr std::size_t kTilePages = 4;
constexpr std::size_t kSplitPages = 64;

// bfloat16. Values have `padded_dim` dimensions, those past head_dim being zeros.
struct KvPages {
    const std::uint16_t* keys;    // [pages, kv_heads, head_dim / 2, 32 tokens, 2]
    const std::uint16_t* values;  // [pages, kv_heads, 16, padded_dim, 2 tokens]
    std::size_t num_pages;
    std::size_t kv_heads;
    std::size_t head_dim;    // even
    std::size_t padded_dim;  // the next multiple of 16
};

// Some tokens of one sequence, with the query heads that share one key/value head. A row is a token
// and a head: row r is token r / group, head r % group.
struct Queries {
    const float* q;                 // of the first row; heads lie side by side
    std::size_t token_stride;       // from one token's q to the next one's
    const std::int32_t* positions;  // [tokens]
    const float* sinks;             // [group]
    const std::int32_t* page_ids;   // [logical pages] of the sequence; all that are seen are good
    std::size_t tokens;
    std::size_t group;
    std::size_t kv_head;
    std::size_t window;  // tokens that a query sees, itself among them; 0: all
};

// The softmax of one row over some of its keys: a mixture of values, as yet without its
// denominator, relative to the highest score. As many records as rows lie side by side:
//     float mixture[padded_dim], sums[16], highest[16]
// `sums` add up to the denominator, `highest` is one number 16 times.
constexpr std::size_t kRecordExtra = 32;  // numbers of a record besides the mixture

}  // namespace ossia
