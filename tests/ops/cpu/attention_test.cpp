// Attention, rotation and normalisation without Python, for the sanitizers: random batches, and
// every buffer ends where its last number does, so that a read too far is seen. On several threads
// and alone, results must have the same bits. Prints each instruction set that ran; exit code 1
// with a message at the first wrong number.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../../../csrc/attention.h"
#include "../../../csrc/dispatch.h"
#include "../../../csrc/threads.h"

using namespace ossia;

namespace {

std::mt19937 generator(20260101u);

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "attention_test: %s\n", what.c_str());
    std::exit(1);
}

std::size_t any(std::size_t lowest, std::size_t highest) {
    return std::uniform_int_distribution<std::size_t>(lowest, highest)(generator);
}

// Exactly so many numbers: AddressSanitizer sees their end.
template <class Number>
std::unique_ptr<Number[]> zeros(std::size_t count) {
    return std::unique_ptr<Number[]>(new Number[count]());
}

std::unique_ptr<float[]> random_numbers(std::size_t count) {
    std::normal_distribution<float> normal;
    auto numbers = zeros<float>(count);
    for (std::size_t i = 0; i < count; ++i) numbers[i] = normal(generator);
    return numbers;
}

void check_close(float found, double expected, double bound, const std::string& what) {
    if (!(std::fabs(found - expected) <= bound)) fail(what + " is wrong");
}

double widened(std::uint16_t bits) {
    const std::uint32_t shifted = static_cast<std::uint32_t>(bits) << 16;
    float number;
    std::memcpy(&number, &shifted, sizeof number);
    return number;
}

// Some sequences of which all tokens are new, their pages strewn about.
struct Case {
    std::size_t kv_heads, group, head_dim = 2 * any(1, 40), heads;
    std::size_t window = any(0, 2) == 0 ? any(1, 150) : 0, sequences = any(1, 3);
    std::size_t padded_dim = (head_dim + 15) / 16 * 16;
    std::size_t logical_pages, num_pages, tokens;
    std::vector<std::int32_t> positions, starts{0}, slots;
    std::unique_ptr<std::int32_t[]> page_ids;
    std::unique_ptr<std::uint16_t[]> keys, values;
    std::unique_ptr<float[]> q, sinks;

    Case(std::size_t longest, std::size_t most_heads)
        : kv_heads(any(1, most_heads)), group(any(1, 3 * most_heads)), heads(kv_heads * group) {
        logical_pages = longest / kPageSize + 1;
        num_pages = logical_pages * sequences;
        page_ids = zeros<std::int32_t>(num_pages);
        for (std::size_t i = 0; i < num_pages; ++i) page_ids[i] = static_cast<std::int32_t>(i);
        std::shuffle(page_ids.get(), page_ids.get() + num_pages, generator);
        for (std::size_t s = 0; s < sequences; ++s) {
            const std::size_t length = any(0, longest);
            for (std::size_t i = 0; i < length; ++i) {
                positions.push_back(static_cast<std::int32_t>(i));
                slots.push_back(page_ids[s * logical_pages + i / kPageSize] * 32 +
                                static_cast<std::int32_t>(i % kPageSize));
            }
            starts.push_back(static_cast<std::int32_t>(positions.size()));
        }
        positions.shrink_to_fit();
        tokens = positions.size();
        keys = zeros<std::uint16_t>(num_pages * kv_heads * kPageSize * head_dim);
        values = zeros<std::uint16_t>(num_pages * kv_heads * kPageSize * padded_dim);
        const auto k = random_numbers(tokens * kv_heads * head_dim);
        const auto v = random_numbers(tokens * kv_heads * head_dim);
        store_kv(k.get(), v.get(), slots.data(), tokens, keys.get(), values.get(), pages());
        q = random_numbers(tokens * heads * head_dim);
        sinks = random_numbers(heads);
    }

    KvPages pages() const {
        return {keys.get(), values.get(), num_pages, kv_heads, head_dim, padded_dim};
    }

    double key(std::size_t slot, std::size_t kv_head, std::size_t d) const {
        const std::size_t place = slot / 32 * kv_heads + kv_head;
        return widened(keys[((place * (head_dim / 2) + d / 2) * 32 + slot % 32) * 2 + d % 2]);
    }

    double value(std::size_t slot, std::size_t kv_head, std::size_t d) const {
        const std::size_t place = slot / 32 * kv_heads + kv_head;
        return widened(values[((place * 16 + slot % 32 / 2) * padded_dim + d) * 2 + slot % 2]);
    }

    // The formula for one token and head, in double.
    std::vector<double> expected(std::size_t token, std::size_t head) const {
        const std::size_t position = static_cast<std::size_t>(positions[token]);
        const std::size_t seen = window == 0 ? position + 1 : std::min(window, position + 1);
        std::vector<double> mixture(head_dim, 0);
        double total = std::exp(sinks[head]);
        for (std::size_t i = token + 1 - seen; i <= token; ++i) {
            const std::size_t slot = static_cast<std::size_t>(slots[i]);
            double score = 0;
            for (std::size_t d = 0; d < head_dim; ++d)
                score += q[(token * heads + head) * head_dim + d] * key(slot, head / group, d);
            const double weight = std::exp(score / std::sqrt(static_cast<double>(head_dim)));
            total += weight;
            for (std::size_t d = 0; d < head_dim; ++d)
                mixture[d] += weight * value(slot, head / group, d);
        }
        for (double& number : mixture) number /= total;
        return mixture;
    }
};

std::unique_ptr<float[]> attend(const InstructionSet& set, const Case& batch, std::size_t threads) {
    set_num_threads(threads);
    auto y = zeros<float>(batch.tokens * batch.heads * batch.head_dim);
    const TokenRuns runs{batch.positions.data(), batch.starts.data(), batch.page_ids.get(),
                         batch.sequences, batch.logical_pages};
    attention(*set.kernels, batch.pages(), runs, batch.q.get(), batch.sinks.get(), batch.heads,
              batch.window, y.get());
    return y;
}

void check_attention(const InstructionSet& set, const Case& batch) {
    const auto alone = attend(set, batch, 1), shared = attend(set, batch, 3);
    const std::size_t size = batch.heads * batch.head_dim;
    if (std::memcmp(alone.get(), shared.get(), batch.tokens * size * sizeof(float)) != 0)
        fail(std::string(set.name) + " gives other bits on more threads");
    // Rounded queries and weights: about 2**-9 of scores below 8, times values below 5.
    const double bound = std::strcmp(set.name, "avx512bf16") == 0 ? 0.1 : 1e-4;
    for (int i = 0; i < 20 && batch.tokens != 0; ++i) {
        const std::size_t token = any(0, batch.tokens - 1), head = any(0, batch.heads - 1);
        const std::vector<double> expected = batch.expected(token, head);
        for (std::size_t d = 0; d < batch.head_dim; ++d)
            check_close(alone[token * size + head * batch.head_dim + d], expected[d], bound,
                        std::string(set.name) + "'s attention");
    }
}

void check_rope(const InstructionSet& set, const Case& batch) {
    const std::size_t half = batch.head_dim / 2, count = batch.tokens * batch.heads * 2 * half;
    const auto frequencies = random_numbers(half);
    const auto y = zeros<float>(count);
    rope(*set.kernels, batch.q.get(), batch.positions.data(), frequencies.get(), 1, batch.tokens,
         batch.heads, batch.head_dim, y.get());
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t d = i % half, first = i / batch.head_dim * batch.head_dim + d;
        const double a = batch.q[first], b = batch.q[first + half];
        const float angle =
            static_cast<float>(batch.positions[i / batch.head_dim / batch.heads]) * frequencies[d];
        const double c = std::cos(static_cast<double>(angle)), s = std::sin(angle * 1.0);
        check_close(y[i], i % batch.head_dim < half ? a * c - b * s : b * c + a * s, 1e-5,
                    std::string(set.name) + "'s rotation");
    }
}

void check_rms_norm(const InstructionSet& set, const Case& batch) {
    const std::size_t columns = batch.heads * batch.head_dim;
    const auto weight = random_numbers(columns);
    const auto y = zeros<float>(batch.tokens * columns);
    rms_norm(*set.kernels, batch.q.get(), weight.get(), 1e-5f, batch.tokens, columns, y.get());
    for (std::size_t token = 0; token < batch.tokens; ++token) {
        const float* x = batch.q.get() + token * columns;
        double squares = 0;
        for (std::size_t c = 0; c < columns; ++c) squares += static_cast<double>(x[c]) * x[c];
        const double root = std::sqrt(squares / static_cast<double>(columns) + 1e-5);
        for (std::size_t c = 0; c < columns; ++c)
            check_close(y[token * columns + c], x[c] / root * weight[c], 1e-4,
                        std::string(set.name) + "'s norm");
    }
}

}  // namespace

int main() {
    for (int round = 0; round < 12; ++round) {
        const bool is_first = round == 0;
        const Case batch(is_first ? 2500 : 100, is_first ? 1 : 3);  // the first has two splits
        for (const InstructionSet& set : instruction_sets()) {
            if (!set.is_available()) continue;
            if (is_first && std::strcmp(set.name, "scalar") == 0) continue;  // takes too long
            check_attention(set, batch);
            check_rope(set, batch);
            check_rms_norm(set, batch);
        }
    }
    for (const InstructionSet& set : instruction_sets())
        if (set.is_available()) std::printf("%s\n", set.name);
    return 0;
}
