// Rows of an MXFP4 matrix times a float32 vector. Written over the words of csrc/vec/; a file in
// csrc/targets/ includes one of those headers, then this one.
//
// One order of summation for all instruction sets, so that all give the same bits. With c the
// column within a block, 0 to 31:
//
//     partial[c] = fma(w[block, c], x[block, c], partial[c])   for block = 0, 1, 2, ...
//     sum: partial[c] += partial[c + n], c < n, for n = 16, 8, 4, 2, 1; the result is partial[0]
//
// w is the exact product of a value and its scale (or infinite, where float32 ends). Nibbles say
// which of two registers of 16 sums a weight belongs to: in either nibble order the inner loop
// needs no shuffle, and only the end of a row brings the 32 sums into the order of columns.
#include "table.h"

namespace ossia {
namespace OSSIA_ISA {

// Each block asks for the one that lies so many rows further down. Without that, computing and
// waiting for memory take turns: it nearly doubles the speed. Rows rather than bytes, so that it
// wants nothing that belongs to another matrix (what else was tried: benchmarks/LOG.md).
constexpr std::size_t kRowsAhead = 4;

// The dot products of num_rows neighbouring rows: they share the loads of x, and their
// independent chains of additions hide each other's latency.
template <int num_rows>
inline void dot_rows(const Mxfp4Matrix& matrix, std::size_t row, const float* x, float* y) {
    const std::uint8_t* blocks = matrix.blocks + row * matrix.blocks_row_stride;
    const std::uint8_t* scales = matrix.scales + row * matrix.scales_row_stride;
    const bool has_ahead = row + kRowsAhead + num_rows <= matrix.rows;
    const std::uint8_t* ahead = blocks + (has_ahead ? kRowsAhead * matrix.blocks_row_stride : 0);
    F32x16 low[num_rows], high[num_rows];  // partial sums of the columns in low and high nibbles
    for (int r = 0; r < num_rows; ++r) low[r] = high[r] = zero();

    for (std::size_t block = 0; block < matrix.num_blocks; ++block) {
        const F32x16 x_low = load(x);
        const F32x16 x_high = load(x + 16);
        for (int r = 0; r < num_rows; ++r) {
            prefetch(ahead + r * matrix.blocks_row_stride);
            const Bytes16 bytes = load_bytes(blocks + r * matrix.blocks_row_stride);
            const std::uint8_t scale = scales[r * matrix.scales_row_stride];
            const Values16 weights = load_values(mxfp4_weights.by_scale[scale]);
            low[r] = fma(look_up_low(weights, bytes), x_low, low[r]);
            high[r] = fma(look_up_high(weights, bytes), x_high, high[r]);
        }
        blocks += matrix.blocks_stride;
        ahead += matrix.blocks_stride;
        scales += matrix.scales_stride;
        x += kBlockSize;
    }

    for (int r = 0; r < num_rows; ++r) {
        if (matrix.order == NibbleOrder::kAdjacent) interleave(low[r], high[r]);
        y[row + r] = sum(add(low[r], high[r]));
    }
}

inline const char* row_dot_f32_mxfp4w(const Mxfp4Matrix& matrix, const float* arranged, float* y) {
    std::size_t row = 0;
    for (; row + kRowsAtOnce <= matrix.rows; row += kRowsAtOnce)
        dot_rows<kRowsAtOnce>(matrix, row, arranged, y);
    for (; row < matrix.rows; ++row) dot_rows<1>(matrix, row, arranged, y);
    return kName;
}

}  // namespace OSSIA_ISA
}  // namespace ossia
