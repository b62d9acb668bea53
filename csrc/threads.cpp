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
constexpr std::size_t kMostHelpers = 255;

class Pool {
   public:
    // False when another caller has the pool. `helpers` is how many workers may join in.
    bool try_run(std::size_t count, Task task, std::size_t helpers) {
        const std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
        if (!owner.owns_lock()) return false;
        hire(helpers);
        task_ = &task;
        helpers_ = helpers < kMostHelpers ? helpers : kMostHelpers;
        const std::size_t num_stretches = helpers_ + 1;
        for (std::size_t i = 0; i < num_stretches; ++i) {
            stretches_[i].next.store(i * count / num_stretches, std::memory_order_relaxed);
            stretches_[i].end = (i + 1) * count / num_stretches;
        }
        {
            const std::lock_guard<std::mutex> held(sleep_);
            open_round_.store(++round_);
        }
        if (num_asleep_.load() > 0) wake_.notify_all();
        take_tasks(0);
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

    // Those of one's own stretch, then what is left of the others'.
    void take_tasks(std::size_t own) {
        for (std::size_t offset = 0; offset <= helpers_; ++offset) {
            Stretch& stretch = stretches_[(own + offset) % (helpers_ + 1)];
            for (;;) {
                const std::size_t i = stretch.next.fetch_add(1, std::memory_order_relaxed);
                if (i >= stretch.end) break;
                (*task_)(i);
            }
        }
    }

    void work(std::size_t index) {
        std::uint64_t seen = kClosed;
        for (;;) {
            wait_for_round(seen);
            num_joined_.fetch_add(1);
            // Only now is it sure that what the caller wrote stays until we have left.
            const std::uint64_t round = open_round_.load();
            if (round != kClosed && index < helpers_) take_tasks(index + 1);
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
    std::size_t helpers_ = 0;

    // Neighbouring tasks usually read neighbouring memory, and a processor reads on faster than it
    // begins anew: each thread has a stretch of tasks, and helps the others when it is done.
    struct alignas(64) Stretch {
        std::atomic<std::size_t> next{0};  // the first task that nobody took
        std::size_t end = 0;
    };
    Stretch stretches_[kMostHelpers + 1];

    std::uint64_t round_ = kClosed;  // counts calls

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
