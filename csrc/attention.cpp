#include "attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "scratch.h"
#include "threads.h"

namespace ossia {
namespace {

// Rows (tokens times heads of a group) that meet a tile of keys while it is in the cache.
constexpr std::size_t kRowsOfTask = 128;

// With fewer pieces of work for each thread than this, the splits of a sequence are tasks.
constexpr std::size_t kFewPieces = 8;

// Rows times keys that one thread is done with before another one would have begun.
constexpr std::size_t kFewScores = 10000;

constexpr std::size_t kFewTokens = 8;  // are rotated, normed and stored by the calling thread alone

// Some tokens and one key/value head.
struct Piece {
    Queries queries;
    float* y;
    std::size_t first_split, last_split;  // that some token sees
    std::size_t num_scores;               // at most
};

std::size_t num_rows(const Piece& piece) { return piece.queries.tokens * piece.queries.group; }

std::size_t num_splits(const Piece& piece) { return piece.last_split - piece.first_split + 1; }

void find_splits(Piece& piece) {
    const Queries& queries = piece.queries;
    const auto [lowest, highest] =
        std::minmax_element(queries.positions, queries.positions + queries.tokens);
    const std::size_t last = static_cast<std::size_t>(*highest);
    const std::size_t first = static_cast<std::size_t>(*lowest) + 1;  // one past its own position
    const std::size_t seen = queries.window != 0 && queries.window < first
                                 ? first - queries.window : 0;
    piece.first_split = seen / kPageSize / kSplitPages;
    piece.last_split = last / kPageSize / kSplitPages;
    piece.num_scores = num_rows(piece) * (last + 1 - seen);
}

// Pieces of one key/value head are neighbours: they meet the same keys.
std::vector<Piece> cut_into_pieces(const KvPages& pages, const TokenRuns& runs, const float* q,
                                   const float* sinks, std::size_t heads, std::size_t window,
                                   float* y) {
    const std::size_t group = heads / pages.kv_heads;
    const std::size_t most = std::max<std::size_t>(1, kRowsOfTask / group);
    const std::size_t token_stride = heads * pages.head_dim;
    std::vector<Piece> pieces;
    for (std::size_t sequence = 0; sequence < runs.sequences; ++sequence) {
        const std::size_t first = static_cast<std::size_t>(runs.starts[sequence]);
        const std::size_t last = static_cast<std::size_t>(runs.starts[sequence + 1]);
        for (std::size_t kv_head = 0; kv_head < pages.kv_heads; ++kv_head)
            for (std::size_t token = first; token < last; token += most) {
                const std::size_t place =
                    token * token_stride + kv_head * group * pages.head_dim;
                pieces.push_back({{q + place, token_stride, runs.positions + token,
                                   sinks + kv_head * group,
                                   runs.page_ids + sequence * runs.logical_pages,
                                   std::min(most, last - token), group, kv_head, window},
                                  y + place, 0, 0, 0});
                find_splits(pieces.back());
            }
    }
    return pieces;
}

std::size_t records_size(const KvPages& pages, std::size_t rows) {
    return rows * (pages.padded_dim + kRecordExtra);
}

float* scratch_for_queries(const KvPages& pages, std::size_t rows) {
    thread_local Scratch scratch;
    return scratch.room_for<float>(rows * pages.head_dim);
}

// All splits of a piece one after the other: memory for two records a row is enough.
void attend_at_once(const Kernels& kernels, const KvPages& pages, const Piece& piece) {
    thread_local Scratch scratch;
    const std::size_t rows = num_rows(piece), size = records_size(pages, rows);
    float* records = scratch.room_for<float>(2 * size);
    float* queries = scratch_for_queries(pages, rows);
    for (std::size_t split = piece.first_split; split <= piece.last_split; ++split) {
        float* found = split == piece.first_split ? records : records + size;
        kernels.attention_f32_bf16kv(pages, piece.queries, split, queries, found);
        if (split != piece.first_split)
            kernels.attention_merge(records, found, rows, pages.padded_dim);
    }
    kernels.attention_finish(records, piece.queries, pages.head_dim, pages.padded_dim, piece.y);
}

// Few pieces of long sequences: every split is a task, so that all threads have work.
void attend_by_splits(const Kernels& kernels, const KvPages& pages,
                      const std::vector<Piece>& pieces) {
    thread_local Scratch scratch;
    struct Part {
        const Piece* piece;
        std::size_t split;
        float* records;
    };
    std::vector<Part> parts;
    std::size_t total = 0;
    for (const Piece& piece : pieces)
        total += num_splits(piece) * records_size(pages, num_rows(piece));
    float* records = scratch.room_for<float>(total);
    std::vector<float*> firsts;
    for (const Piece& piece : pieces) {
        firsts.push_back(records);
        for (std::size_t split = piece.first_split; split <= piece.last_split; ++split) {
            parts.push_back({&piece, split, records});
            records += records_size(pages, num_rows(piece));
        }
    }
    parallel_for(parts.size(), [&](std::size_t i) {
        const Queries& queries = parts[i].piece->queries;
        float* packed = scratch_for_queries(pages, queries.tokens * queries.group);
        kernels.attention_f32_bf16kv(pages, queries, parts[i].split, packed, parts[i].records);
    });
    parallel_for(pieces.size(), [&](std::size_t i) {
        const std::size_t rows = num_rows(pieces[i]), size = records_size(pages, rows);
        for (std::size_t split = 1; split < num_splits(pieces[i]); ++split)
            kernels.attention_merge(firsts[i], firsts[i] + split * size, rows, pages.padded_dim);
        kernels.attention_finish(firsts[i], pieces[i].queries, pages.head_dim, pages.padded_dim,
                                 pieces[i].y);
    });
}

// To the nearest, ties to even; NaN stays NaN.
std::uint16_t round_to_bf16(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
    return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

template <class Callable>
void for_each_token(std::size_t tokens, Callable&& callable) {
    if (tokens > kFewTokens) {
        const std::size_t tasks = (tokens + kFewTokens - 1) / kFewTokens;
        parallel_for(tasks, [&](std::size_t task) {
            const std::size_t end = std::min(tokens, (task + 1) * kFewTokens);
            for (std::size_t token = task * kFewTokens; token < end; ++token) callable(token);
        });
    } else {
        for (std::size_t token = 0; token < tokens; ++token) callable(token);
    }
}

}  // namespace

void attention(const Kernels& kernels, const KvPages& pages, const TokenRuns& runs, const float* q,
               const float* sinks, std::size_t heads, std::size_t window, float* y) {
    const std::vector<Piece> pieces =
        cut_into_pieces(pages, runs, q, sinks, heads, window, y);
    std::size_t most_splits = 1, num_scores = 0;
    for (const Piece& piece : pieces) {
        most_splits = std::max(most_splits, num_splits(piece));
        num_scores += piece.num_scores;
    }
    const auto attend = [&](std::size_t i) { attend_at_once(kernels, pages, pieces[i]); };
    if (num_scores < kFewScores)
        for (std::size_t i = 0; i < pieces.size(); ++i) attend(i);
    else if (most_splits > 1 && pieces.size() < kFewPieces * num_threads())
        attend_by_splits(kernels, pages, pieces);
    else
        parallel_for(pieces.size(), attend);
}

void store_kv(const float* k, const float* v, const std::int32_t* slots, std::size_t tokens,
              std::uint16_t* keys, std::uint16_t* values, const KvPages& pages) {
    const std::size_t keys_size = kPageSize * pages.head_dim;
    const std::size_t values_size = kPageSize * pages.padded_dim;
    const auto store_head = [&](std::size_t kv_head) {
        for (std::size_t token = 0; token < tokens; ++token) {
            const std::size_t slot = static_cast<std::size_t>(slots[token]);
            const std::size_t place = slot / kPageSize * pages.kv_heads + kv_head;
            const std::size_t offset = slot % kPageSize;
            std::uint16_t* page_keys = keys + place * keys_size;
            std::uint16_t* page_values = values + place * values_size;
            if (offset == 0) {
                std::memset(page_keys, 0, keys_size * sizeof(std::uint16_t));
                std::memset(page_values, 0, values_size * sizeof(std::uint16_t));
            }
            const std::size_t from = (token * pages.kv_heads + kv_head) * pages.head_dim;
            for (std::size_t d = 0; d < pages.head_dim; ++d)
                page_keys[(d / 2 * kPageSize + offset) * 2 + d % 2] = round_to_bf16(k[from + d]);
            std::uint16_t* to = page_values + offset / 2 * pages.padded_dim * 2 + offset % 2;
            for (std::size_t d = 0; d < pages.head_dim; ++d)
                to[2 * d] = round_to_bf16(v[from + d]);
        }
    };
    // A head's tokens in order and by one thread, because of the clearing.
    if (tokens > kFewTokens)
        parallel_for(pages.kv_heads, store_head);
    else
        for (std::size_t kv_head = 0; kv_head < pages.kv_heads; ++kv_head) store_head(kv_head);
}

void rope(const Kernels& kernels, const float* x, const std::int32_t* positions,
          const float* frequencies, float scale, std::size_t tokens, std::size_t heads,
          std::size_t head_dim, float* y) {
    const std::size_t half = head_dim / 2;
    for_each_token(tokens, [&](std::size_t token) {
        thread_local Scratch scratch;
        float* cosines = scratch.room_for<float>(head_dim);
        float* sines = cosines + half;
        const float position = static_cast<float>(positions[token]);
        for (std::size_t i = 0; i < half; ++i) {
            const float angle = position * frequencies[i];
            cosines[i] = std::cos(angle) * scale;
            sines[i] = std::sin(angle) * scale;
        }
        const std::size_t place = token * heads * head_dim;
        kernels.rope_f32(x + place, cosines, sines, heads, half, y + place);
    });
}

void rms_norm(const Kernels& kernels, const float* x, const float* weight, float eps,
              std::size_t tokens, std::size_t columns, float* y) {
    for_each_token(tokens, [&](std::size_t token) {
        kernels.rms_norm_f32(x + token * columns, weight, eps, columns, y + token * columns);
    });
}

}  // namespace ossia
