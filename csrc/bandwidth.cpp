// Baseline instructions do: four 16-byte loads a line are over long before the line has come.
#include "bandwidth.h"

#include <algorithm>
#include <atomic>

#include "threads.h"

namespace ossia {
namespace {

constexpr std::size_t kWordsPerTask = std::size_t{1} << 19;  // 4 MiB: two huge pages
constexpr std::size_t kLanes = 16;  // two lines of the cache, in independent sums

std::uint64_t xor_run(const std::uint64_t* words, std::size_t count) {
    std::uint64_t lanes[kLanes] = {};
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes)
        for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] ^= words[i + lane];
    std::uint64_t total = 0;
    for (; i < count; ++i) total ^= words[i];
    for (const std::uint64_t lane : lanes) total ^= lane;
    return total;
}

}  // namespace

std::uint64_t xor_words(const std::uint64_t* words, std::size_t count) {
    std::atomic<std::uint64_t> total{0};
    parallel_for((count + kWordsPerTask - 1) / kWordsPerTask, [&](std::size_t task) {
        const std::size_t first = task * kWordsPerTask;
        const std::size_t length = std::min(kWordsPerTask, count - first);
        total.fetch_xor(xor_run(words + first, length), std::memory_order_relaxed);
    });
    return total.load();
}

}  // namespace ossia
