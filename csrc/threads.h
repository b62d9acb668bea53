// The threads that kernels share: one pool a process, whatever the number of engines.
//
// Knows nothing of arithmetic. Each thread begins with a stretch of neighbouring tasks and then takes
// what others have left, so a core that a neighbour slows down does fewer of them; which thread runs
// a task never changes a result.
#pragma once

#include <cstddef>

namespace ossia {

// Threads that may work on one call, the caller among them; at least 1.
std::size_t num_threads();

// Sets that number; threads are made when they are first needed and end with the process.
void set_num_threads(std::size_t count);

// A reference to something callable as void(std::size_t); lives as long as what it refers to.
class Task {
   public:
    template <class Callable>
    explicit Task(const Callable& callable)
        : object_(&callable), call_([](const void* object, std::size_t i) {
              (*static_cast<const Callable*>(object))(i);
          }) {}
    void operator()(std::size_t i) const { call_(object_, i); }

   private:
    const void* object_;
    void (*call_)(const void*, std::size_t);
};

// Runs task(0) to task(count - 1) and returns when all are done. Tasks must not throw and must not
// call this again. When another caller has the pool, this one does its tasks alone, at once:
// two engines share the cores and never wait for each other.
void run_tasks(std::size_t count, Task task);

template <class Callable>
void parallel_for(std::size_t count, const Callable& callable) {
    run_tasks(count, Task(callable));
}

}  // namespace ossia
