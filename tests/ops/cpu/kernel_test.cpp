// The kernels of matrix products without Python, for AddressSanitizer and
// UndefinedBehaviorSanitizer: random shapes, and every buffer ends where its last number does, so
// that a read too far is seen. Prints each instruction set that ran; exit code 1 with a message at
// the first wrong number. An argument is the seed.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../../../csrc/dispatch.h"
#include "../../../csrc/experts.h"
#include "../../../csrc/float16.h"
#include "../../../csrc/linear.h"
#include "../../../csrc/pack.h"
#include "../../../csrc/released.h"
#include "../../../csrc/threads.h"

using namespace ossia;

namespace {

std::mt19937 generator;

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "kernel_test: %s\n", what.c_str());
    std::exit(1);
}

std::size_t any(std::size_t lowest, std::size_t highest) {
    return std::uniform_int_distribution<std::size_t>(lowest, highest)(generator);
}

// Exactly so many numbers: AddressSanitizer sees their end.
template <class Number>
using Buffer = std::unique_ptr<Number[]>;

template <class Number>
Buffer<Number> make_buffer(std::size_t count) {
    return Buffer<Number>(new Number[count]);
}

Buffer<std::uint8_t> random_bytes(std::size_t size) {
    Buffer<std::uint8_t> bytes = make_buffer<std::uint8_t>(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(any(0, 255));
    return bytes;
}

Buffer<float> random_numbers(std::size_t count) {
    std::normal_distribution<float> normal;
    Buffer<float> numbers = make_buffer<float>(count);
    for (std::size_t i = 0; i < count; ++i) numbers[i] = any(0, 9) == 0 ? 0 : normal(generator);
    return numbers;
}

// The same numbers from an odd address, as a mapped file may give them.
struct AtOddAddress {
    Buffer<char> memory;
    const float* numbers;

    AtOddAddress(const float* from, std::size_t count) : memory(make_buffer<char>(4 * count + 1)) {
        if (count != 0) std::memcpy(memory.get() + 1, from, 4 * count);
        const void* first = memory.get() + 1;
        numbers = static_cast<const float*>(first);
    }
};

// What the specification says, by other means than the library's.
double mxfp4_weight(std::uint8_t scale, std::uint8_t code) {
    const double magnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    if (scale == 255) return std::nan("");
    const double magnitude = std::ldexp(magnitudes[code & 7], scale - 127);
    return code & 8 ? -magnitude : magnitude;
}

void check_table_of_weights() {
    for (int scale = 0; scale < 256; ++scale)
        for (int code = 0; code < 16; ++code) {
            const auto expected = static_cast<float>(mxfp4_weight(
                static_cast<std::uint8_t>(scale), static_cast<std::uint8_t>(code)));
            const float found = mxfp4_weights.by_scale[scale][code];
            const bool both_nan = std::isnan(expected) && std::isnan(found);
            const bool same = expected == found && std::signbit(expected) == std::signbit(found);
            if (!same && !both_nan) fail("weight of scale " + std::to_string(scale));
        }
}

void check_float16() {
    for (std::uint32_t bits = 0; bits < 1u << 16; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const float value = float_of_f16(half);
        const int exponent = half >> 10 & 31, fraction = half & 1023;
        const double magnitude = exponent == 0 ? std::ldexp(fraction, -24)
                                 : exponent < 31
                                     ? std::ldexp(1024 + fraction, exponent - 25)
                                     : (fraction != 0 ? std::nan("") : HUGE_VAL);
        const double expected = half & 0x8000 ? -magnitude : magnitude;
        if (std::isnan(expected) ? !std::isnan(value) : value != expected) fail("float of float16");
        if (!std::isnan(value) && f16_of_float(value) != half) fail("float16 of its own float");
    }
    for (int i = 0; i < 100000; ++i) {  // to the nearest: neither neighbour is nearer
        const float value = std::ldexp(static_cast<float>(any(0, 1 << 24)), -static_cast<int>(any(9, 50)));
        const std::uint16_t half = f16_of_float(value);
        const float off = std::fabs(float_of_f16(half) - value);
        if (half < 0x7BFF && off > std::fabs(float_of_f16(half + 1) - value)) fail("float16 too low");
        if (half > 0 && half <= 0x7BFF && off > std::fabs(float_of_f16(half - 1) - value))
            fail("float16 too high");
    }
}

// A matrix as a file holds it, with the exact value of every weight.
struct Stored {
    Buffer<std::uint8_t> memory, scale_memory;
    std::size_t rows = 0, columns = 0;
    std::vector<double> exact;  // [rows, columns]
};

// How blocks lie: scales apart (OpenAI), every other row (gate of gate and up), together (ggml).
enum class Layout { kApart, kEveryOther, kTogether };

struct StoredMxfp4 : Stored {
    Mxfp4Matrix view{};
};

StoredMxfp4 make_mxfp4(std::size_t rows, std::size_t blocks, Layout layout, NibbleOrder order) {
    StoredMxfp4 made;
    const std::size_t step = layout == Layout::kEveryOther ? 2 : 1, offset = 1;
    const std::size_t stored = rows == 0 ? 0 : (rows - 1) * step + 1;  // ends with the last row
    const bool is_together = layout == Layout::kTogether;
    const std::size_t block_bytes = is_together ? 17 : 16;
    made.memory = random_bytes(offset + stored * blocks * block_bytes);
    std::uint8_t* first = made.memory.get() + offset;
    std::uint8_t* scales = first;
    if (!is_together) {
        made.scale_memory = random_bytes(offset + stored * blocks);
        scales = made.scale_memory.get() + offset;
    }
    made.rows = rows;
    made.columns = blocks * kBlockSize;
    made.view = {first + (is_together ? 1 : 0), scales, rows, blocks,
                 step * blocks * block_bytes, block_bytes,
                 step * blocks * (is_together ? 17 : 1), is_together ? 17u : 1u, order};
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t block = 0; block < blocks; ++block) {
            std::uint8_t& scale = scales[row * made.view.scales_row_stride +
                                         block * made.view.scales_stride];
            scale = static_cast<std::uint8_t>(115 + scale % 10);
            const std::uint8_t* bytes = made.view.blocks + row * made.view.blocks_row_stride +
                                        block * made.view.blocks_stride;
            for (std::size_t c = 0; c < kBlockSize; ++c) {
                const bool is_adjacent = order == NibbleOrder::kAdjacent;
                const bool is_high = is_adjacent ? c % 2 : c >= 16;
                const std::uint8_t byte = bytes[is_adjacent ? c / 2 : c % 16];
                made.exact.push_back(mxfp4_weight(scale, is_high ? byte >> 4 : byte & 15));
            }
        }
    return made;
}

struct StoredQ8 : Stored {
    Q8Matrix view{};
};

// ggml's 34 bytes a block: its scale, then its values.
StoredQ8 make_q8(std::size_t rows, std::size_t blocks) {
    StoredQ8 made;
    made.memory = random_bytes(1 + rows * blocks * 34);
    std::uint8_t* first = made.memory.get() + 1;
    made.rows = rows;
    made.columns = blocks * kBlockSize;
    made.view = {first + 2, first, rows, blocks, blocks * 34, 34, blocks * 34, 34};
    for (std::size_t i = 0; i < rows * blocks; ++i) {
        std::uint8_t* block = first + 34 * i;
        block[1] = static_cast<std::uint8_t>((block[1] & 0x83) | 0x20);  // about 2**-7, signed
        std::uint16_t half;
        std::memcpy(&half, block, 2);
        for (std::size_t c = 0; c < kBlockSize; ++c)
            made.exact.push_back(double(float_of_f16(half)) * static_cast<std::int8_t>(block[2 + c]));
    }
    return made;
}

struct StoredPlain : Stored {
    PlainMatrix view{};
};

StoredPlain make_plain(std::size_t rows, std::size_t columns, PlainMatrix::Type type,
                       bool is_every_other) {
    StoredPlain made;
    const std::size_t width = type == PlainMatrix::Type::kF32 ? 4 : 2;
    const std::size_t step = is_every_other ? 2 : 1;
    const std::size_t stored = rows == 0 ? 0 : (rows - 1) * step + 1;
    made.memory = random_bytes(1 + stored * columns * width);
    made.rows = rows;
    made.columns = columns;
    made.view = {made.memory.get() + 1, rows, columns, step * columns * width, type};
    const Buffer<float> numbers = random_numbers(rows * columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        std::uint32_t bits;
        std::memcpy(&bits, &numbers[i], 4);
        if (type == PlainMatrix::Type::kF16) bits = f16_of_float(numbers[i]);
        if (type == PlainMatrix::Type::kBf16) bits >>= 16;
        std::memcpy(made.memory.get() + 1 + (i / columns * step * columns + i % columns) * width,
                    &bits, width);
        if (type == PlainMatrix::Type::kBf16) bits <<= 16;
        float value;
        std::memcpy(&value, &bits, 4);
        if (type == PlainMatrix::Type::kF16) value = float_of_f16(static_cast<std::uint16_t>(bits));
        made.exact.push_back(value);
    }
    return made;
}

// Runs `product(kernels, y)` on every instruction set: the same bits, and near the exact product of
// the weights and x [tokens, columns], within `roundings` of each term.
template <class Product>
void check_product(const std::vector<double>& exact, std::size_t rows, std::size_t columns,
                   const double* x, std::size_t tokens, const float* bias, std::size_t roundings,
                   const std::string& what, Product product) {
    Buffer<float> first;
    for (const InstructionSet& set : instruction_sets()) {
        if (!set.is_available()) continue;
        set_num_threads(any(1, 4));
        Buffer<float> y = make_buffer<float>(tokens * rows);
        product(*set.kernels, y.get());
        if (!first)
            first = std::move(y);
        else if (tokens * rows != 0 &&
                 std::memcmp(first.get(), y.get(), tokens * rows * sizeof(float)) != 0)
            fail(what + ": " + set.name + " gives other bits");
    }
    for (std::size_t t = 0; t < tokens; ++t)
        for (std::size_t row = 0; row < rows; ++row) {
            double expected = bias == nullptr ? 0 : bias[row], magnitude = std::fabs(expected);
            for (std::size_t c = 0; c < columns; ++c) {
                const double term = exact[row * columns + c] * x[t * columns + c];
                expected += term;
                magnitude += std::fabs(term);
            }
            const double bound = static_cast<double>(roundings) * 0x1p-24 * magnitude;
            if (!(std::fabs(first[t * rows + row] - expected) <= bound))
                fail(what + ": row " + std::to_string(row) + " of token " + std::to_string(t));
        }
}

template <class Matrix>
void check_released(const Matrix& matrix, const std::string& what) {
    const std::size_t tokens = any(0, 9), blocks = (matrix.columns + 31) / 32;
    const Buffer<float> x = random_numbers(tokens * matrix.columns);
    const AtOddAddress shifted(x.get(), tokens * matrix.columns);
    const std::vector<double> exact_x(x.get(), x.get() + tokens * matrix.columns);
    const Buffer<float> bias = any(0, 1) ? random_numbers(matrix.rows) : nullptr;
    check_product(matrix.exact, matrix.rows, matrix.columns, exact_x.data(), tokens, bias.get(),
                  blocks + 6, what, [&](const Kernels& kernels, float* y) {
                      linear_released(kernels, matrix.view, bias.get(), shifted.numbers, tokens, y);
                  });
}

// Tiles in buffers of their own, and what they hold.
struct Packed {
    Buffer<std::uint8_t> memory;
    Tiles tiles;
    std::vector<double> exact;  // [rows, blocks * 32]
};

// Reads every number where tiles.h says it lies.
std::vector<double> numbers_of(const Tiles& tiles) {
    std::vector<double> numbers;
    for (std::size_t row = 0; row < tiles.rows; ++row)
        for (std::size_t block = 0; block < tiles.blocks; ++block) {
            const std::size_t place = row / 16 * tiles.blocks + block, r = row % 16;
            const std::uint8_t* values = tiles.tiles + place * tile_bytes(tiles.format);
            const std::uint8_t* scales = values + value_bytes(tiles.format);
            for (std::size_t c = 0; c < kBlockSize; ++c) {
                const std::size_t piece = tiles.format == TileFormat::kMxfp4 ? c % 16 / 4 : c / 4;
                const std::uint8_t byte = values[piece * 64 + r * 4 + c % 4];
                std::uint16_t half;
                if (tiles.format == TileFormat::kMxfp4) {
                    numbers.push_back(mxfp4_weight(scales[r], c < 16 ? byte & 15 : byte >> 4));
                } else {
                    std::memcpy(&half, scales + 2 * r, 2);
                    numbers.push_back(double(float_of_f16(half)) * (byte - 128));
                }
            }
        }
    return numbers;
}

Packed make_room(std::size_t rows, std::size_t blocks, TileFormat format) {
    const std::size_t tiles = num_row_tiles(rows) * blocks;
    Packed packed{random_bytes(tiles * tile_bytes(format)), {}, {}};
    packed.tiles = {packed.memory.get(), rows, blocks, format, blocks * tile_bytes(format)};
    return packed;
}

Packed packed_of(const StoredMxfp4& matrix) {
    Packed packed = make_room(matrix.rows, matrix.view.num_blocks, TileFormat::kMxfp4);
    pack_mxfp4(matrix.view, packed.memory.get(), packed.tiles.row_tile_stride);
    packed.exact = numbers_of(packed.tiles);
    if (packed.exact != matrix.exact) fail("pack_mxfp4 changes numbers");
    return packed;
}

Packed packed_of(const StoredQ8& matrix) {
    Packed packed = make_room(matrix.rows, matrix.view.num_blocks, TileFormat::kQ8);
    pack_q8(matrix.view, packed.memory.get(), packed.tiles.row_tile_stride);
    packed.exact = numbers_of(packed.tiles);
    if (packed.exact != matrix.exact) fail("pack_q8 changes numbers");
    return packed;
}

Packed packed_of(const StoredPlain& matrix) {
    const std::size_t blocks = (matrix.columns + 31) / 32;
    Packed packed = make_room(matrix.rows, blocks, TileFormat::kQ8);
    pack_plain(matrix.view, packed.memory.get(), packed.tiles.row_tile_stride);
    packed.exact = numbers_of(packed.tiles);
    for (std::size_t row = 0; row < matrix.rows; ++row)
        for (std::size_t c = 0; c < blocks * 32; ++c) {
            const std::size_t first = row * matrix.columns + c / 32 * 32;
            const std::size_t count = std::min<std::size_t>(32, matrix.columns - c / 32 * 32);
            double largest = 0;
            for (std::size_t i = 0; i < count; ++i)
                largest = std::max(largest, std::fabs(matrix.exact[first + i]));
            const double number = c < matrix.columns ? matrix.exact[row * matrix.columns + c] : 0;
            // Half a step, and what rounding the scale to float16 moves 127 steps by.
            if (std::fabs(packed.exact[row * blocks * 32 + c] - number) >
                largest / 127 * (0.5 + 127 * 0x1p-11) + 0x1p-24 * 127)
                fail("pack_plain rounds too far");
        }
    return packed;
}

// x [tokens, columns] as kernels round it: 32 columns share a scale, the largest becomes 127.
std::vector<double> rounded(const float* x, std::size_t tokens, std::size_t columns) {
    std::vector<double> values(tokens * ((columns + 31) / 32) * 32);
    for (std::size_t i = 0; i < values.size(); i += 32) {
        const std::size_t width = values.size() / tokens;
        const std::size_t token = i / width, column = i % width;
        const std::size_t count = std::min<std::size_t>(32, columns - column);
        const float* block = x + token * columns + column;
        float largest = 0;
        for (std::size_t c = 0; c < count; ++c) largest = std::max(largest, std::fabs(block[c]));
        const float inverse = largest == 0 ? 0 : 127.0f / largest;
        for (std::size_t c = 0; c < count; ++c)
            values[i + c] = std::nearbyint(block[c] * inverse) * double(largest / 127.0f);
    }
    return values;
}

void check_tiles(const Packed& packed, std::size_t columns, const std::string& what) {
    const std::size_t tokens = any(0, 9) == 0 ? any(190, 220) : any(0, 30);  // a task takes 192
    const Buffer<float> x = random_numbers(tokens * columns);
    const AtOddAddress shifted(x.get(), tokens * columns);
    const std::vector<double> exact_x = rounded(x.get(), tokens, columns);
    const Buffer<float> bias = any(0, 1) ? random_numbers(packed.tiles.rows) : nullptr;
    check_product(packed.exact, packed.tiles.rows, packed.tiles.blocks * 32, exact_x.data(), tokens,
                  bias.get(), packed.tiles.blocks + 3, what, [&](const Kernels& kernels, float* y) {
                      const char* ran = linear(kernels, packed.tiles, bias.get(), shifted.numbers,
                                               tokens, columns, y);
                      if (std::strcmp(ran, kernels.name) != 0) fail(std::string(ran) + " ran");
                  });
}

// Experts' matrices one behind the other.
Packed make_experts(std::size_t experts, std::size_t rows, std::size_t blocks) {
    const std::size_t tiles = num_row_tiles(rows) * blocks;
    Packed all = make_room(rows, experts * blocks, TileFormat::kMxfp4);
    all.tiles.blocks = blocks;
    all.tiles.row_tile_stride = blocks * 272;
    for (std::size_t e = 0; e < experts; ++e) {
        const Packed one =
            packed_of(make_mxfp4(rows, blocks, Layout::kEveryOther, NibbleOrder::kAdjacent));
        std::copy_n(one.memory.get(), tiles * 272, all.memory.get() + e * tiles * 272);
    }
    return all;
}

// One expert by itself, of the products that check_tiles has checked, and swiglu in double.
std::vector<float> one_expert(const Kernels& kernels, const ExpertsCall& call, std::size_t expert,
                              const float* x) {
    std::vector<float> gate(call.inter), up(call.inter), y(call.hidden);
    linear(kernels, call.gate.of(expert), call.gate.bias_of(expert), x, 1, call.hidden, gate.data());
    linear(kernels, call.up.of(expert), call.up.bias_of(expert), x, 1, call.hidden, up.data());
    for (std::size_t i = 0; i < call.inter; ++i) {
        const double g = std::min<double>(gate[i], call.limit);
        const double u = std::min<double>(std::max<double>(up[i], -call.limit), call.limit);
        gate[i] = static_cast<float>(g / (1 + std::exp(-1.702 * g)) * (u + 1));
    }
    linear(kernels, call.down.of(expert), call.down.bias_of(expert), gate.data(), 1, call.inter,
           y.data());
    return y;
}

void check_experts() {
    ExpertsCall call{};
    call.num_experts = any(1, 9);
    call.active = any(1, std::min<std::size_t>(4, call.num_experts));
    call.tokens = any(0, 40);
    const std::size_t hidden_blocks = any(1, 4), inter_blocks = any(1, 3);
    call.hidden = hidden_blocks * 32;
    call.inter = inter_blocks * 32;
    call.limit = 7;
    const Packed gate = make_experts(call.num_experts, call.inter, hidden_blocks);
    const Packed up = make_experts(call.num_experts, call.inter, hidden_blocks);
    const Packed down = make_experts(call.num_experts, call.hidden, inter_blocks);
    const Buffer<float> gate_bias = random_numbers(call.num_experts * call.inter);
    const Buffer<float> up_bias = random_numbers(call.num_experts * call.inter);
    const Buffer<float> down_bias = random_numbers(call.num_experts * call.hidden);
    const auto stride = [](const Tiles& tiles) { return num_row_tiles(tiles.rows) * tiles.row_tile_stride; };
    call.gate = {gate.tiles, stride(gate.tiles), gate_bias.get()};
    call.up = {up.tiles, stride(up.tiles), up_bias.get()};
    call.down = {down.tiles, stride(down.tiles), down_bias.get()};
    const std::size_t slots = call.tokens * call.active;
    const Buffer<std::int32_t> ids = make_buffer<std::int32_t>(slots);
    for (std::size_t i = 0; i < slots; ++i)
        ids[i] = static_cast<std::int32_t>(any(0, call.num_experts - 1));
    const Buffer<float> x = random_numbers(call.tokens * call.hidden);
    const Buffer<float> weights = random_numbers(slots);
    call.x = x.get();
    call.expert_ids = ids.get();
    call.expert_weights = weights.get();

    Buffer<float> first;
    for (const InstructionSet& set : instruction_sets()) {
        if (!set.is_available()) continue;
        set_num_threads(any(1, 4));
        Buffer<float> y = make_buffer<float>(call.tokens * call.hidden);
        call.y = y.get();
        experts(*set.kernels, call);
        if (!first) {
            first = std::move(y);
            for (std::size_t token = 0; token < call.tokens; ++token) {
                std::vector<double> expected(call.hidden);
                double size = 0, off = 0;
                for (std::size_t rank = 0; rank < call.active; ++rank) {
                    const std::size_t slot = token * call.active + rank;
                    const auto expert = static_cast<std::size_t>(ids[slot]);
                    const std::vector<float> one =
                        one_expert(*set.kernels, call, expert, call.x + token * call.hidden);
                    for (std::size_t i = 0; i < call.hidden; ++i)
                        expected[i] += double(weights[slot]) * one[i];
                    for (const float number : one) size += std::fabs(weights[slot] * number);
                }
                for (std::size_t i = 0; i < call.hidden; ++i)
                    off += std::fabs(first[token * call.hidden + i] - expected[i]);
                // Now and then a value lies so near a tie that it rounds to the next byte.
                if (!(off <= 2e-3 * size)) fail("experts of token " + std::to_string(token));
            }
        } else if (call.tokens != 0 && std::memcmp(first.get(), y.get(), call.tokens * call.hidden *
                                                                             sizeof(float)) != 0) {
            fail(std::string("experts: ") + set.name + " gives other bits");
        }
    }
}

void check_random_products() {
    const std::size_t rows = any(0, 9) == 0 ? any(60, 140) : any(0, 40);
    const std::size_t blocks = any(0, 19) == 0 ? 30 : any(0, 6);
    const std::size_t columns = blocks * 32 - (blocks == 0 ? 0 : any(0, 31));
    for (const Layout layout : {Layout::kApart, Layout::kEveryOther, Layout::kTogether})
        for (const NibbleOrder order : {NibbleOrder::kAdjacent, NibbleOrder::kHalves}) {
            const StoredMxfp4 matrix = make_mxfp4(rows, blocks, layout, order);
            check_released(matrix, "linear_f32_mxfp4w");
            check_tiles(packed_of(matrix), matrix.columns, "linear_q8_tiles of MXFP4");
        }
    const StoredQ8 eights = make_q8(rows, blocks);
    check_released(eights, "linear_f32_q8w");
    check_tiles(packed_of(eights), eights.columns, "linear_q8_tiles of Q8_0");
    for (const auto type :
         {PlainMatrix::Type::kF32, PlainMatrix::Type::kF16, PlainMatrix::Type::kBf16}) {
        const StoredPlain matrix = make_plain(rows, columns, type, any(0, 1) == 1);
        check_released(matrix, "linear_f32_plainw");
        check_tiles(packed_of(matrix), columns, "linear_q8_tiles of plain numbers");
    }
}

}  // namespace

int main(int argc, char** argv) {
    generator.seed(argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 20260101u);
    check_table_of_weights();
    check_float16();
    for (int round = 0; round < 40; ++round) {
        check_random_products();
        check_experts();
    }
    for (const InstructionSet& set : instruction_sets())
        if (set.is_available()) std::printf("%s\n", set.name);
    return 0;
}
