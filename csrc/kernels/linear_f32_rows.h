// Float32 activations times matrices as files hold them, row by row and exact: csrc/rows.h.
//
// One order of summation for all instruction sets, so that all give the same bits. With c the
// column within a block, 0 to 31:
//
//     partial[c] = fma(w[block, c], x[block, c], partial[c])   for block = 0, 1, 2, ...
//     sum: partial[c] += partial[c + n], c < n, for n = 16, 8, 4, 2, 1; the result is partial[0]
//
// w is the exact value of a weight (or infinite, where float32 ends). Of MXFP4, nibbles say which
// of two registers of 16 sums a weight belongs to: in either nibble order the inner loop needs no
// shuffle, and only the end of a row brings the 32 sums into the order of columns.
#pragma once

#include "../float16.h"
#include "table.h"

namespace ossia {
namespace OSSIA_ISA {

// Each block asks for the one that lies so many rows further down. Without that, computing and
// waiting for memory take turns: it nearly doubles the speed. Rows rather than bytes, so that it
// wants nothing that belongs to another matrix (what else was tried: benchmarks/LOG.md).
constexpr std::size_t kRowsAhead = 4;

// The 32 weights of a block: those that meet x's first 16 numbers, and its last 16.
struct Weights {
    F32x16 low, high;
};

// A place in a row of each kind of matrix, moving from block to block.
struct Mxfp4Row {
    const Mxfp4Matrix& matrix;
    const std::uint8_t* blocks;
    const std::uint8_t* scales;

    Mxfp4Row(const Mxfp4Matrix& of, std::size_t row)
        : matrix(of),
          blocks(of.blocks + row * of.blocks_row_stride),
          scales(of.scales + row * of.scales_row_stride) {}

    Weights next(std::size_t) {
        const Bytes16 bytes = load_bytes(blocks);
        const Values16 values = load_values(mxfp4_weights.by_scale[*scales]);
        prefetch(blocks + kRowsAhead * matrix.blocks_row_stride);
        blocks += matrix.blocks_stride;
        scales += matrix.scales_stride;
        return {look_up_low(values, bytes), look_up_high(values, bytes)};
    }

    float sum_of(F32x16 low, F32x16 high) const {
        if (matrix.order == NibbleOrder::kAdjacent) interleave(low, high);
        return sum(add(low, high));
    }
};

struct Q8Row {
    const Q8Matrix& matrix;
    const std::uint8_t* values;
    const std::uint8_t* scales;

    Q8Row(const Q8Matrix& of, std::size_t row)
        : matrix(of),
          values(of.values + row * of.values_row_stride),
          scales(of.scales + row * of.scales_row_stride) {}

    Weights next(std::size_t) {
        std::uint16_t half;
        __builtin_memcpy(&half, scales, sizeof half);
        const F32x16 scale = broadcast(float_of_f16(half));
        const Weights weights = {mul(load_i8(values), scale), mul(load_i8(values + 16), scale)};
        prefetch(values + kRowsAhead * matrix.values_row_stride);
        values += matrix.values_stride;
        scales += matrix.scales_stride;
        return weights;
    }

    float sum_of(F32x16 low, F32x16 high) const { return sum(add(low, high)); }
};

template <PlainMatrix::Type type>
struct PlainRow {
    static constexpr std::size_t kWidth = type == PlainMatrix::Type::kF32 ? 4 : 2;
    const PlainMatrix& matrix;
    const std::uint8_t* numbers;

    PlainRow(const PlainMatrix& of, std::size_t row)
        : matrix(of), numbers(of.numbers + row * of.row_stride) {}

    static F32x16 load_sixteen(const std::uint8_t* from) {
        if constexpr (type == PlainMatrix::Type::kF16) return load_f16(from);
        if constexpr (type == PlainMatrix::Type::kBf16) return load_bf16(from);
        std::uint32_t aligned[16];
        __builtin_memcpy(aligned, from, sizeof aligned);
        return load_any(reinterpret_cast<const float*>(aligned));
    }

    Weights next(std::size_t columns_left) {
        if (columns_left < kBlockSize) {  // the end of a row, maybe of the file
            std::uint8_t padded[kBlockSize * kWidth] = {};
            for (std::size_t i = 0; i < columns_left * kWidth; ++i) padded[i] = numbers[i];
            return {load_sixteen(padded), load_sixteen(padded + 16 * kWidth)};
        }
        const Weights weights = {load_sixteen(numbers), load_sixteen(numbers + 16 * kWidth)};
        prefetch(numbers + kRowsAhead * matrix.row_stride);
        numbers += kBlockSize * kWidth;
        return weights;
    }

    float sum_of(F32x16 low, F32x16 high) const { return sum(add(low, high)); }
};

inline std::size_t columns_of(const Mxfp4Matrix& matrix) { return matrix.num_blocks * kBlockSize; }
inline std::size_t columns_of(const Q8Matrix& matrix) { return matrix.num_blocks * kBlockSize; }
inline std::size_t columns_of(const PlainMatrix& matrix) { return matrix.columns; }

// One row times some tokens, whose independent chains of additions hide each other's latency.
template <class Row, std::size_t tokens, class Matrix>
inline void dot_row(const Matrix& matrix, std::size_t row, const RowsTask& task) {
    const std::size_t columns = columns_of(matrix);
    const std::size_t stride = (columns + kBlockSize - 1) / kBlockSize * kBlockSize;
    Row place(matrix, row);
    F32x16 low[tokens], high[tokens];
    for (std::size_t t = 0; t < tokens; ++t) low[t] = high[t] = zero();
    for (std::size_t column = 0; column < columns; column += kBlockSize) {
        const Weights weights = place.next(columns - column);
        for (std::size_t t = 0; t < tokens; ++t) {
            const float* x = task.x + t * stride + column;
            low[t] = fma(weights.low, load(x), low[t]);
            high[t] = fma(weights.high, load(x + 16), high[t]);
        }
    }
    for (std::size_t t = 0; t < tokens; ++t) {
        const float total = place.sum_of(low[t], high[t]);
        task.y[t][row] = task.bias == nullptr ? total : total + task.bias[row];
    }
}

template <class Row, class Matrix>
inline void dot_rows(const Matrix& matrix, const RowsTask& task) {
    for (std::size_t row = task.first_row; row < task.last_row; ++row) switch (task.tokens) {
            case 1: dot_row<Row, 1>(matrix, row, task); break;
            case 2: dot_row<Row, 2>(matrix, row, task); break;
            case 3: dot_row<Row, 3>(matrix, row, task); break;
            default: dot_row<Row, 4>(matrix, row, task);
        }
}

inline void linear_f32_mxfp4w(const Mxfp4Matrix& weight, const RowsTask& task) {
    dot_rows<Mxfp4Row>(weight, task);
}

inline void linear_f32_q8w(const Q8Matrix& weight, const RowsTask& task) {
    dot_rows<Q8Row>(weight, task);
}

inline void linear_f32_plainw(const PlainMatrix& weight, const RowsTask& task) {
    switch (weight.type) {
        case PlainMatrix::Type::kF32:
            return dot_rows<PlainRow<PlainMatrix::Type::kF32>>(weight, task);
        case PlainMatrix::Type::kF16:
            return dot_rows<PlainRow<PlainMatrix::Type::kF16>>(weight, task);
        case PlainMatrix::Type::kBf16:
            return dot_rows<PlainRow<PlainMatrix::Type::kBf16>>(weight, task);
    }
}

}  // namespace OSSIA_ISA
}  // namespace ossia
