// Attention of float32 queries over bfloat16 keys and values (csrc/kv_pages.h), flash-style: the
// softmax is built up tile by tile (128 keys), so scores never leave the first-level cache.
//
// For one row, tile after tile of a split (2,048 keys), with s the scores of the tile's keys, times
// log2(e), so that powers of 2 serve for those of e:
//
//     highest' = max(highest, max(s))
//     p = 2**(s - highest')
//     sums = sums * 2**(highest - highest') + p, lane by lane
//     mixture = mixture * 2**(highest - highest') + p[key] * v[key], for key = 0, 1, 2, ...
//
// A key that a row does not see has p = 0 and leaves `highest` alone, so that a row gets the same
// bits whether its neighbours see that key or not.
#pragma once

#include "exp2.h"
#include "table.h"

// Compiled by itself: together, the constants of one loop push the sums of another out of registers.
#define OSSIA_APART [[gnu::noinline]] inline

namespace ossia {
namespace OSSIA_ISA {

constexpr std::size_t kTileKeys = kTilePages * kPageSize;

// The lowest `highest`: the difference of two stays a number, also where a row sees no key.
constexpr float kLowestScore = -1e30f;

constexpr float kLog2OfE = 1.44269504f;

// Scores of a tile, then its weights; [rows, keys] and [rows, pairs of keys].
struct Tile {
    alignas(64) float scores[kAttentionRows * kTileKeys];
    alignas(64) Pair weights[kAttentionRows * kTileKeys / 2];
    alignas(64) float factors[kAttentionRows * 16];  // 2**(highest - highest')
};

// First and last position that some row sees.
struct Seen {
    std::int64_t first, last;
};

inline Seen seen_by(const Queries& queries, std::size_t row) {
    const std::int64_t position = queries.positions[row / queries.group];
    const std::int64_t window = static_cast<std::int64_t>(queries.window);
    const bool is_cut = window != 0 && position >= window;
    return {is_cut ? position - window + 1 : 0, position};
}

inline Seen seen_by_rows(const Queries& queries, std::size_t first_row, std::size_t rows) {
    Seen all = seen_by(queries, first_row);
    for (std::size_t row = first_row + 1; row < first_row + rows; ++row) {
        const Seen seen = seen_by(queries, row);
        if (seen.first < all.first) all.first = seen.first;
        if (seen.last > all.last) all.last = seen.last;
    }
    return all;
}

// Scores of one page's 32 keys; q [pairs of dimensions, rows]. `ahead` will be read soon.
template <std::size_t rows>
OSSIA_APART void score_page(const std::uint16_t* keys, const std::uint16_t* ahead, const Pair* q,
                            std::size_t pairs, float* scores) {
    constexpr std::size_t vectors = kAttentionVectors;
    for (std::size_t key = 0; key < kPageSize; key += 16 * vectors) {
        F32x16 sums[rows][vectors];
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t v = 0; v < vectors; ++v) sums[r][v] = zero();
        const Pair* q_of_pair = q;
        for (std::size_t pair = 0; pair < pairs; ++pair) {
            const std::size_t place = 2 * (pair * kPageSize + key);
            Pairs16 loaded[vectors];
            for (std::size_t v = 0; v < vectors; ++v) {
                loaded[v] = load_pairs(keys + place + 32 * v);
                prefetch_far(ahead + place + 32 * v);
            }
            for (std::size_t r = 0; r < rows; ++r)
                for (std::size_t v = 0; v < vectors; ++v)
                    sums[r][v] = dot_pairs(sums[r][v], loaded[v], q_of_pair + r);
            q_of_pair += rows;
        }
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t v = 0; v < vectors; ++v)
                store(scores + r * kTileKeys + key + 16 * v, sums[r][v]);
    }
}

// From scores to weights, for one row. Pages first to last - 1 of the tile were scored; `seen` is
// relative to the tile's first key.
OSSIA_APART void weigh(Tile& tile, std::size_t r, std::size_t first_page, std::size_t last_page,
                       Seen seen, float* sums, float* highest) {
    float* scores = tile.scores + r * kTileKeys;
    Pair* weights = tile.weights + r * kTileKeys / 2;
    const std::size_t first = first_page * kPageSize, last = last_page * kPageSize;
    F32x16 top = broadcast(-__builtin_inff());
    for (std::size_t key = first; key < last; key += 16) {
        const std::int64_t before = seen.first - static_cast<std::int64_t>(key);
        const std::int64_t behind = seen.last - static_cast<std::int64_t>(key);
        F32x16 s = load(scores + key);
        if (before > 0 || behind < 15) {
            s = keep_lanes(s, static_cast<int>(before > 0 ? before < 16 ? before : 16 : 0),
                           static_cast<int>(behind < 15 ? behind < -1 ? -1 : behind : 15));
            store(scores + key, s);
        }
        top = at_least(top, s);
    }
    const F32x16 old = load(highest);
    const F32x16 now = at_least(broadcast(largest(top)), old);
    const F32x16 factor = exp2_of_nonpositive(sub(old, now));
    F32x16 sum = mul(load(sums), factor);
    for (std::size_t key = first; key < last; key += 32) {
        const F32x16 lower = exp2_of_nonpositive(sub(load(scores + key), now));
        const F32x16 upper = exp2_of_nonpositive(sub(load(scores + key + 16), now));
        sum = add(add(sum, lower), upper);
        store_pairs(weights + key / 2, lower, upper);
    }
    store(sums, sum);
    store(highest, now);
    store(tile.factors + 16 * r, factor);
}

// mixture = mixture * factor + weights times values, for `vectors` times 16 dimensions.
template <std::size_t rows, std::size_t vectors>
OSSIA_APART void mix_dimensions(const Tile& tile, const std::uint16_t* const* values,
                                const std::uint16_t* const* ahead, std::size_t first_page,
                                std::size_t last_page, std::size_t padded_dim,
                                std::size_t dimension, float* mixture, std::size_t record) {
    F32x16 sums[rows][vectors];
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t v = 0; v < vectors; ++v)
            sums[r][v] = mul(load(mixture + r * record + dimension + 16 * v),
                             load(tile.factors + 16 * r));
    for (std::size_t page = first_page; page < last_page; ++page) {
        const Pair* weights = tile.weights + page * kPageSize / 2;
        for (std::size_t pair = 0; pair < kPageSize / 2; ++pair) {
            const std::size_t place = 2 * (pair * padded_dim + dimension);
            Pairs16 loaded[vectors];
            for (std::size_t v = 0; v < vectors; ++v) {
                loaded[v] = load_pairs(values[page] + place + 32 * v);
                prefetch_far(ahead[page] + place + 32 * v);
            }
            for (std::size_t r = 0; r < rows; ++r)
                for (std::size_t v = 0; v < vectors; ++v)
                    sums[r][v] =
                        dot_pairs(sums[r][v], loaded[v], weights + r * kTileKeys / 2 + pair);
        }
    }
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t v = 0; v < vectors; ++v)
            store(mixture + r * record + dimension + 16 * v, sums[r][v]);
}

// One tile for some neighbouring rows, whose q and records are given.
template <std::size_t rows>
inline void attend_tile(const KvPages& pages, const Queries& queries, std::size_t first_row,
                        std::size_t tile_page, const Pair* q, float* records, Tile& tile) {
    const std::int64_t first_key = static_cast<std::int64_t>(tile_page * kPageSize);
    const Seen seen = seen_by_rows(queries, first_row, rows);
    const std::int64_t tile_keys = static_cast<std::int64_t>(kTileKeys);
    if (seen.last < first_key || seen.first >= first_key + tile_keys) return;
    const std::size_t first_page =
        seen.first <= first_key ? 0 : static_cast<std::size_t>(seen.first - first_key) / kPageSize;
    const std::size_t last_seen =
        static_cast<std::size_t>(seen.last - first_key) / kPageSize;
    const std::size_t last_page = last_seen < kTilePages ? last_seen + 1 : kTilePages;
    const std::size_t all_pages = static_cast<std::size_t>(seen.last) / kPageSize + 1;

    const std::uint16_t* values[kTilePages];
    const std::uint16_t* values_ahead[kTilePages];
    for (std::size_t page = first_page; page < last_page; ++page) {
        const std::size_t here = tile_page + page;
        const std::size_t ahead = here + kTilePages < all_pages ? here + kTilePages : here;
        const std::size_t place =
            static_cast<std::size_t>(queries.page_ids[here]) * pages.kv_heads + queries.kv_head;
        const std::size_t place_ahead =
            static_cast<std::size_t>(queries.page_ids[ahead]) * pages.kv_heads + queries.kv_head;
        values[page] = pages.values + place * kPageSize * pages.padded_dim;
        values_ahead[page] = pages.values + place_ahead * kPageSize * pages.padded_dim;
        score_page<rows>(pages.keys + place * kPageSize * pages.head_dim,
                         pages.keys + place_ahead * kPageSize * pages.head_dim, q,
                         pages.head_dim / 2, tile.scores + page * kPageSize);
    }
    const std::size_t record = pages.padded_dim + kRecordExtra;
    for (std::size_t r = 0; r < rows; ++r) {
        const Seen of_row = seen_by(queries, first_row + r);
        float* sums = records + r * record + pages.padded_dim;
        weigh(tile, r, first_page, last_page, {of_row.first - first_key, of_row.last - first_key},
              sums, sums + 16);
    }
    std::size_t dimension = 0;
    for (; dimension + 16 * kAttentionVectors <= pages.padded_dim;
         dimension += 16 * kAttentionVectors)
        mix_dimensions<rows, kAttentionVectors>(tile, values, values_ahead, first_page, last_page,
                                                pages.padded_dim, dimension, records, record);
    for (; dimension < pages.padded_dim; dimension += 16)
        mix_dimensions<rows, 1>(tile, values, values_ahead, first_page, last_page,
                                pages.padded_dim, dimension, records, record);
}

// q of some rows, times head_dim**-0.5 and log2(e), as pairs: [pairs, rows].
inline void pack_queries(const KvPages& pages, const Queries& queries, std::size_t first_row,
                         std::size_t rows, Pair* packed) {
    const float root = __builtin_sqrtf(static_cast<float>(pages.head_dim));
    const F32x16 scale = broadcast(kLog2OfE / root);
    for (std::size_t r = 0; r < rows; ++r) {
        const std::size_t token = (first_row + r) / queries.group;
        const std::size_t head = (first_row + r) % queries.group;
        const float* q = queries.q + token * queries.token_stride + head * pages.head_dim;
        for (std::size_t d = 0; d < pages.head_dim; d += 32) {
            const std::size_t count = pages.head_dim - d < 32 ? pages.head_dim - d : 32;
            alignas(64) float numbers[32] = {};
            alignas(64) Pair pairs[16];
            __builtin_memcpy(numbers, q + d, count * sizeof(float));
            store_pairs(pairs, mul(load(numbers), scale), mul(load(numbers + 16), scale));
            for (std::size_t i = 0; i < count / 2; ++i) packed[(d / 2 + i) * rows + r] = pairs[i];
        }
    }
}

// The softmax of every row over its keys in one split: fills `records`. `scratch` has room for
// rows * head_dim numbers and is aligned, as records are.
inline void attention_f32_bf16kv(const KvPages& pages, const Queries& queries, std::size_t split,
                                 float* scratch, float* records) {
    const std::size_t rows = queries.tokens * queries.group;
    const std::size_t record = pages.padded_dim + kRecordExtra;
    const std::size_t blocks_end = rows - rows % kAttentionRows;  // singles follow
    Pair* packed = reinterpret_cast<Pair*>(scratch);
    const std::size_t pairs = pages.head_dim / 2;
    for (std::size_t row = 0; row < rows; row += row < blocks_end ? kAttentionRows : 1)
        pack_queries(pages, queries, row, row < blocks_end ? kAttentionRows : 1,
                     packed + row * pairs);
    for (std::size_t row = 0; row < rows; ++row) {
        float* mixture = records + row * record;
        for (std::size_t i = 0; i < pages.padded_dim + 16; i += 16) store(mixture + i, zero());
        const F32x16 sink = broadcast(queries.sinks[row % queries.group] * kLog2OfE);
        store(mixture + pages.padded_dim + 16, at_least(sink, broadcast(kLowestScore)));
    }
    const Seen seen = seen_by_rows(queries, 0, rows);
    const std::size_t first = static_cast<std::size_t>(seen.first) / kPageSize;
    const std::size_t last = static_cast<std::size_t>(seen.last) / kPageSize;
    Tile tile;
    for (std::size_t page = split * kSplitPages; page < (split + 1) * kSplitPages;
         page += kTilePages) {
        if (page + kTilePages <= first || page > last) continue;
        for (std::size_t row = 0; row < blocks_end; row += kAttentionRows)
            attend_tile<kAttentionRows>(pages, queries, row, page, packed + row * pairs,
                                        records + row * record, tile);
        for (std::size_t row = blocks_end; row < rows; ++row)
            attend_tile<1>(pages, queries, row, page, packed + row * pairs,
                           records + row * record, tile);
    }
}

// Adds the records of a later split to those of the splits before.
inline void attention_merge(float* records, const float* later, std::size_t rows,
                            std::size_t padded_dim) {
    const std::size_t highest = padded_dim + 16;
    for (std::size_t row = 0; row < rows; ++row) {
        const F32x16 old = load(records + highest), added = load(later + highest);
        const F32x16 now = at_least(added, old);
        const F32x16 old_factor = exp2_of_nonpositive(sub(old, now));
        const F32x16 added_factor = exp2_of_nonpositive(sub(added, now));
        for (std::size_t i = 0; i < highest; i += 16) {
            const F32x16 scaled = mul(load(later + i), added_factor);
            store(records + i, fma(load(records + i), old_factor, scaled));
        }
        store(records + highest, now);
        records += padded_dim + kRecordExtra;
        later += padded_dim + kRecordExtra;
    }
}

// The records of all of a row's keys, with its sink, as its result: y, laid out as queries.q.
inline void attention_finish(const float* records, const Queries& queries, std::size_t head_dim,
                             std::size_t padded_dim, float* y) {
    for (std::size_t row = 0; row < queries.tokens * queries.group; ++row) {
        const float* sums = records + row * (padded_dim + kRecordExtra) + padded_dim;
        const F32x16 sink = broadcast(queries.sinks[row % queries.group] * kLog2OfE);
        const F32x16 of_sink = exp2_of_nonpositive(sub(sink, load(sums + 16)));
        const F32x16 total = add(broadcast(sum(load(sums))), of_sink);
        float* results =
            y + row / queries.group * queries.token_stride + row % queries.group * head_dim;
        for (std::size_t d = 0; d < head_dim; d += 16) {
            // + 0: a row that met unseen keys on its way may have got 0 where another has -0.
            const F32x16 result = add(div(load(sums - padded_dim + d), total), zero());
            if (head_dim - d >= 16) {
                store(results + d, result);
            } else {
                alignas(64) float numbers[16];
                store(numbers, result);
                __builtin_memcpy(results + d, numbers, (head_dim - d) * sizeof(float));
            }
        }
    }
}

}  // namespace OSSIA_ISA
}  // namespace ossia
