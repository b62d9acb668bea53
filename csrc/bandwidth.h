// How fast this machine reads memory: the floor that a decoded token is measured against.
//
// Knows bytes only; what they mean, and the clock, are the caller's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ossia {

// The exclusive or of `count` words, read by all threads. The result depends on every word, so that
// no compiler may leave a read out, and on no order, so that threads may share the work as they can.
std::uint64_t xor_words(const std::uint64_t* words, std::size_t count);

}  // namespace ossia
