// The pool of threads without Python, for ThreadSanitizer: several callers at once, as several
// engines in one process are, a number of threads that changes meanwhile, and fork(). Exit code 1
// with a message when a task is lost, done twice, or a number is wrong.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "../../../csrc/dispatch.h"
#include "../../../csrc/linear.h"
#include "../../../csrc/threads.h"

using namespace ossia;

namespace {

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "threads_test: %s\n", what.c_str());
    std::exit(1);
}

// Every task runs once, what it writes is seen by the caller, and it saw what the caller wrote.
void count_tasks(std::size_t count) {
    std::vector<std::size_t> written(count), counts(count);  // plain numbers: no atomics help out
    for (std::size_t i = 0; i < count; ++i) written[i] = i + 1;
    parallel_for(count, [&](std::size_t i) { counts[i] += written[i]; });
    for (std::size_t i = 0; i < count; ++i)
        if (counts[i] != i + 1) fail("task " + std::to_string(i) + " of " + std::to_string(count));
}

template <class Work>
void in_threads(std::size_t callers, Work work) {
    std::vector<std::thread> threads;
    for (std::size_t caller = 0; caller < callers; ++caller)
        threads.emplace_back([=] { work(caller); });
    for (std::thread& thread : threads) thread.join();
}

void check_tasks() {
    for (std::size_t threads : {1, 2, 5, 3, 1, 4}) {  // the pool has more than it uses, too
        set_num_threads(threads);
        for (std::size_t count = 0; count < 40; ++count) count_tasks(count);
    }
    in_threads(4, [](std::size_t caller) {
        for (std::size_t turn = 0; turn < 300; ++turn) {
            set_num_threads(1 + (caller + turn) % 4);
            count_tasks(turn % 23);
            if (turn % 50 == 0)  // long enough for the pool to fall asleep
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
}

// A product whose scratch memory belongs to the calling thread, by several callers at once.
void check_products() {
    constexpr std::size_t kRows = 70, kBlocks = 3, kTokens = 20;
    constexpr std::size_t kBytes = tile_bytes(TileFormat::kMxfp4);
    std::vector<std::uint8_t> tiles(num_row_tiles(kRows) * kBlocks * kBytes);
    std::uint32_t random = 1;
    for (std::size_t i = 0; i < tiles.size(); ++i) {
        random = random * 1664525 + 1013904223;
        const bool is_scale = i % kBytes >= value_bytes(TileFormat::kMxfp4);
        tiles[i] = is_scale ? 120 : static_cast<std::uint8_t>(random >> 24);
    }
    const Tiles weight{tiles.data(), kRows, kBlocks, TileFormat::kMxfp4, kBlocks * kBytes};
    std::vector<float> x(kTokens * kBlocks * 32);
    for (float& number : x)
        number = static_cast<float>(static_cast<std::int32_t>(random = random * 1664525 + 1)) * 1e-9f;
    const Kernels& kernels = *instruction_sets().begin()->kernels;
    const Kernels& plainest = *(instruction_sets().end() - 1)->kernels;
    const bool is_fast = instruction_sets().begin()->is_available();

    set_num_threads(1);
    std::vector<float> expected(kTokens * kRows);
    linear(plainest, weight, nullptr, x.data(), kTokens, kBlocks * 32, expected.data());
    set_num_threads(3);
    in_threads(3, [&](std::size_t caller) {
        for (std::size_t turn = 0; turn < 30; ++turn) {
            const std::size_t tokens = 1 + (turn + 7 * caller) % kTokens;
            std::vector<float> y(tokens * kRows);
            linear(is_fast ? kernels : plainest, weight, nullptr, x.data(), tokens, kBlocks * 32,
                   y.data());
            if (std::memcmp(y.data(), expected.data(), y.size() * sizeof(float)) != 0)
                fail("a caller got other numbers");
        }
    });
}

// Sanitizers hold locks of their own while a process of several threads forks.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define OSSIA_CHECKS_FORK

// The child's pool is a fresh one, whatever the parent's was doing.
void check_fork() {
    set_num_threads(4);
    count_tasks(100);
    std::atomic<bool> is_over{false};
    std::thread busy([&] {
        while (!is_over) count_tasks(50);
    });
    for (int i = 0; i < 50; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);  // rather than hang
            for (std::size_t count = 0; count < 200; ++count) count_tasks(count);
            _exit(num_threads() == 4 ? 0 : 1);
        }
        int status = 1;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            fail("a forked child, status " + std::to_string(status));
        count_tasks(100);
    }
    is_over = true;
    busy.join();
}

#endif

}  // namespace

int main() {
    check_tasks();
    check_products();
#ifdef OSSIA_CHECKS_FORK
    check_fork();
#endif
    std::printf("threads\n");
    return 0;
}
