// A worker that has nothing to do spins for some microseconds, because the next kernel of the same
// step usually comes at once, then sleeps until it is woken: idle, the pool uses no processor.
#include "threads.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <thread>

namespace ossia {
namespace {

constexpr std::chrono::microseconds kSpinTime{100};

inline void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

constexpr std::uint64_t kClosed = 0;  // no round

class Pool {
   public:
    // False when another caller has the pool. `helpers` is how many workers may join in.
    bool try_run(std::size_t count, Task task, std::size_t helpers) {
        const std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
        if (!owner.owns_lock()) return false;
        hire(helpers);
        task_ = &task;
        count_ = count;
        helpers_ = helpers;
        next_.store(0, std::memory_order_relaxed);
        {
            const std::lock_guard<std::mutex> held(sleep_);
            open_round_.store(++round_);
        }
        if (num_asleep_.load() > 0) wake_.notify_all();
        take_tasks();
        // All tasks are taken. Nobody may join from here on; those who did are waited for. A worker
        // that slept, or has no core just now, never holds the caller up.
        open_round_.store(kClosed);
        for (std::size_t spins = 0; num_joined_.load() > 0; ++spins) {
            relax();
            if (spins > 20000) std::this_thread::yield();  // a worker lost its core: it may have ours
        }
        return true;
    }

   private:
    // Makes workers up to so many; fewer where the system refuses more.
    void hire(std::size_t count) {
        try {
            for (; num_workers_ < count; ++num_workers_) {
                std::thread([this, index = num_workers_] { work(index); }).detach();
            }
        } catch (const std::system_error&) {
        }
    }

    void take_tasks() {
        for (;;) {
            const std::size_t i = next_.fetch_add(1, std::memory_order_relaxed);
            if (i >= count_) return;
            (*task_)(i);
        }
    }

    void work(std::size_t index) {
        std::uint64_t seen = kClosed;
        for (;;) {
            wait_for_round(seen);
            num_joined_.fetch_add(1);
            // Only now is it sure that what the caller wrote stays until we have left.
            const std::uint64_t round = open_round_.load();
            if (round != kClosed && index < helpers_) take_tasks();
            num_joined_.fetch_sub(1);
            if (round != kClosed) seen = round;
        }
    }

    bool is_new(std::uint64_t seen) const {
        const std::uint64_t round = open_round_.load();
        return round != kClosed && round != seen;
    }

    // Returns when a round was open that was not `seen`; it may be over by now.
    void wait_for_round(std::uint64_t seen) {
        const auto until = std::chrono::steady_clock::now() + kSpinTime;
        do {
            for (int i = 0; i < 64; ++i) {
                if (is_new(seen)) return;
                relax();
            }
        } while (std::chrono::steady_clock::now() < until);
        std::unique_lock<std::mutex> held(sleep_);
        num_asleep_.fetch_add(1);
        wake_.wait(held, [&] { return is_new(seen); });
        num_asleep_.fetch_sub(1);
    }

    std::mutex owner_;  // held while a call is under way
    std::size_t num_workers_ = 0;

    // The call under way; written while no round is open and no worker has joined.
    const Task* task_ = nullptr;
    std::size_t count_ = 0;
    std::size_t helpers_ = 0;

    std::uint64_t round_ = kClosed;  // counts calls

    alignas(64) std::atomic<std::size_t> next_{0};  // the first task that nobody took
    alignas(64) std::atomic<std::size_t> num_joined_{0};
    alignas(64) std::atomic<std::uint64_t> open_round_{kClosed};

    std::mutex sleep_;
    std::condition_variable wake_;
    std::atomic<std::size_t> num_asleep_{0};
};

// Never destroyed: its threads are detached and end with the process.
Pool* pool = new Pool;
std::atomic<std::size_t> wanted_threads{1};

// Threads do not survive fork(), and another thread may have held a lock: a child starts afresh.
const int registered = pthread_atfork(nullptr, nullptr, [] { pool = new Pool; });

}  // namespace

std::size_t num_threads() { return wanted_threads.load(std::memory_order_relaxed); }

void set_num_threads(std::size_t count) {
    wanted_threads.store(count < 1 ? 1 : count, std::memory_order_relaxed);
}

void run_tasks(std::size_t count, Task task) {
    const std::size_t threads = num_threads() < count ? num_threads() : count;
    if (threads > 1 && pool->try_run(count, task, threads - 1)) return;
    for (std::size_t i = 0; i < count; ++i) task(i);
}

}  // namespace ossia
