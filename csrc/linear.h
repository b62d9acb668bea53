// Matrix products over tiles for many tokens: cuts them into tasks for the threads. Knows caches
// and tasks; the arithmetic is a kernel's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/table.h"
#include "scratch.h"

namespace ossia {

// Tokens in 8 bits, in groups that a kernel takes at once. A run is a stretch of tokens that meet
// the same weights: no group reaches over its end.
class QuantisedTokens {
   public:
    // rows[i] is token i's x [columns]; run_ends are the places where runs end, the last one the
    // number of tokens.
    void quantise(const Kernels& kernels, const std::vector<const float*>& rows,
                  const std::vector<std::size_t>& run_ends, std::size_t columns, TileFormat format);

    const std::vector<Q8Tokens>& groups() const { return groups_; }
    // Groups of run r: group_ends()[r - 1] (or 0) to group_ends()[r].
    const std::vector<std::size_t>& group_ends() const { return group_ends_; }

   private:
    std::vector<Q8Tokens> groups_;
    std::vector<std::size_t> group_ends_;
    Scratch values_, scales_, starts_;
};

// One task: a stretch of row tiles of one run's matrix, for some of the run's groups.
struct RunTask {
    std::size_t run;
    std::size_t first_row_tile, last_row_tile;
    std::size_t first_group, last_group;
    std::size_t first_token;  // of the first group
};

// Cuts the work of all runs into tasks of about the same size, a few for each thread at least.
std::vector<RunTask> cut_into_tasks(const QuantisedTokens& x, std::size_t rows);

// y [tokens, rows] = x [tokens, columns] times W transposed, plus bias [rows] unless it is null.
// Returns the name of the instruction set that ran.
const char* linear(const Kernels& kernels, const Tiles& weight, const float* bias, const float* x,
                   std::size_t tokens, std::size_t columns, float* y);

}  // namespace ossia
