// The kernels without Python, for AddressSanitizer and UndefinedBehaviorSanitizer: every buffer
// ends where its last number does, so that a read too far is seen. Prints each instruction set that
// ran; exit code 1 with a message at the first wrong number.
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

using namespace ossia;

namespace {

std::mt19937 generator(20260101);

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "kernel_test: %s\n", what.c_str());
    std::exit(1);
}

// What the specification says, by other means than the library's.
double weight_of(std::uint8_t scale, std::uint8_t code) {
    const double magnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    if (scale == 255) return std::nan("");
    const double magnitude = std::ldexp(magnitudes[code & 7], scale - 127);
    return code & 8 ? -magnitude : magnitude;
}

void check_weights() {
    for (int scale = 0; scale < 256; ++scale)
        for (int code = 0; code < 16; ++code) {
            const float expected = static_cast<float>(weight_of(scale, code));
            const float found = mxfp4_weights.by_scale[scale][code];
            const bool both_nan = std::isnan(expected) && std::isnan(found);
            const bool same = expected == found && std::signbit(expected) == std::signbit(found);
            if (!same && !both_nan) fail("weight of scale " + std::to_string(scale));
        }
}

// How a matrix lies: apart (OpenAI), every other row (gate of gate and up), 17-byte blocks (ggml).
enum class Layout { kApart, kEveryOther, kTogether };

struct Matrix {
    std::unique_ptr<std::uint8_t[]> memory, scale_memory;
    Mxfp4Matrix view;
};

std::unique_ptr<std::uint8_t[]> random_bytes(std::size_t size, int lowest, int highest) {
    std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[size]);  // exactly: ASan sees its end
    std::uniform_int_distribution<int> byte(lowest, highest);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(byte(generator));
    return bytes;
}

Matrix make_matrix(std::size_t rows, std::size_t num_blocks, Layout layout, NibbleOrder order) {
    Matrix result;
    const std::size_t offset = 1;  // so that nothing is aligned
    if (layout == Layout::kTogether) {
        const std::size_t row = num_blocks * 17;
        result.memory = random_bytes(offset + rows * row, 0, 255);
        std::uint8_t* first = result.memory.get() + offset;
        for (std::size_t i = 0; i < rows * num_blocks; ++i)
            first[17 * i] = 110 + first[17 * i] % 20;
        result.view = {first + 1, first, rows, num_blocks, row, 17, row, 17, order};
        return result;
    }
    const std::size_t step = layout == Layout::kEveryOther ? 2 : 1;
    const std::size_t stored = rows == 0 ? 0 : (rows - 1) * step + 1;  // ends with the last row
    result.memory = random_bytes(offset + stored * num_blocks * 16, 0, 255);
    result.scale_memory = random_bytes(offset + stored * num_blocks, 110, 130);
    result.view = {result.memory.get() + offset,
                   result.scale_memory.get() + offset,
                   rows,
                   num_blocks,
                   step * num_blocks * 16,
                   16,
                   step * num_blocks,
                   1,
                   order};
    return result;
}

// Column c of a block: its nibble's place.
std::uint8_t code_of(const std::uint8_t* block, std::size_t c, NibbleOrder order) {
    const bool is_high = order == NibbleOrder::kAdjacent ? c % 2 : c >= 16;
    const std::uint8_t byte = block[order == NibbleOrder::kAdjacent ? c / 2 : c % 16];
    return is_high ? byte >> 4 : byte & 15;
}

void check_row(const Mxfp4Matrix& w, std::size_t row, const std::vector<float>& x, float found) {
    double expected = 0, magnitude = 0;
    for (std::size_t block = 0; block < w.num_blocks; ++block) {
        const std::uint8_t* bytes = w.blocks + row * w.blocks_row_stride + block * w.blocks_stride;
        const std::uint8_t scale = w.scales[row * w.scales_row_stride + block * w.scales_stride];
        for (std::size_t c = 0; c < kBlockSize; ++c) {
            const double term = weight_of(scale, code_of(bytes, c, w.order)) * x[block * 32 + c];
            expected += term;
            magnitude += std::fabs(term);
        }
    }
    const double bound = (static_cast<double>(w.num_blocks) + 5) * 0x1p-24 * magnitude;
    if (!(std::fabs(found - expected) <= bound)) fail("row " + std::to_string(row) + " is wrong");
}

void check_matrix(const Mxfp4Matrix& w) {
    std::normal_distribution<float> normal;
    std::vector<float> x(w.num_blocks * kBlockSize);
    for (float& number : x) number = normal(generator);
    const std::size_t bytes = x.size() * sizeof(float);
    std::unique_ptr<float, decltype(&std::free)> arranged(
        static_cast<float*>(std::aligned_alloc(64, bytes)), &std::free);
    std::unique_ptr<char[]> shifted(new char[1 + bytes]);  // x from an odd address
    if (bytes != 0) std::memcpy(shifted.get() + 1, x.data(), bytes);
    const void* unaligned = shifted.get() + 1;
    arrange_columns(static_cast<const float*>(unaligned), w.num_blocks, w.order, arranged.get());

    std::vector<float> first;
    for (const InstructionSet& set : instruction_sets()) {
        if (!set.is_available()) continue;
        std::unique_ptr<float[]> y(new float[w.rows]);
        const char* ran = set.kernels->row_dot_f32_mxfp4w(w, arranged.get(), y.get());
        if (std::strcmp(ran, set.name) != 0) fail(std::string(ran) + " ran as " + set.name);
        for (std::size_t row = 0; row < w.rows; ++row) check_row(w, row, x, y[row]);
        if (first.empty()) first.assign(y.get(), y.get() + w.rows);
        if (w.rows != 0 && std::memcmp(first.data(), y.get(), w.rows * sizeof(float)) != 0)
            fail(std::string(set.name) + " gives other bits");
    }
}

}  // namespace

int main() {
    check_weights();
    for (const std::size_t rows : {0, 1, 2, 3, 5, 6, 7, 8, 13})
        for (const std::size_t num_blocks : {0, 1, 2, 3, 7, 90})
            for (const Layout layout : {Layout::kApart, Layout::kEveryOther, Layout::kTogether})
                for (const NibbleOrder order : {NibbleOrder::kAdjacent, NibbleOrder::kHalves})
                    check_matrix(make_matrix(rows, num_blocks, layout, order).view);
    for (const InstructionSet& set : instruction_sets())
        if (set.is_available()) std::printf("%s\n", set.name);
    return 0;
}
