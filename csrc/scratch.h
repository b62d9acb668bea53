// Memory that a kernel call needs for a while, kept by its thread for the next call.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace ossia {

class Scratch {
   public:
    // Room for so many numbers, aligned to a cache line, contents undefined. What an earlier call
    // of the same Scratch gave is gone.
    template <class Number>
    Number* room_for(std::size_t count) {
        const std::size_t bytes = count * sizeof(Number);
        if (bytes > size_) {
            memory_.reset();
            size_ = 0;
            memory_.reset(::operator new(bytes, kAlignment));
            size_ = bytes;
        }
        return static_cast<Number*>(memory_.get());
    }

   private:
    static constexpr std::align_val_t kAlignment{64};
    struct Free {
        void operator()(void* memory) const { ::operator delete(memory, kAlignment); }
    };
    std::unique_ptr<void, Free> memory_;
    std::size_t size_ = 0;
};

}  // namespace ossia
