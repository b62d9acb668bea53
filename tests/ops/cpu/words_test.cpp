// One instruction set's words and kernels on inputs that are the same everywhere. Prints a name and
// a hash of the results a line: compiled for several instruction sets, on several processors, all
// must print the same. NaNs count as one number, since processors differ in which they make.
// OSSIA_TARGET is the file in csrc/targets/ to compile in.
#include OSSIA_TARGET

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

using namespace ossia;
using namespace ossia::OSSIA_ISA;

namespace {

constexpr int kRounds = 400;

std::mt19937 generator;  // its numbers are specified; those of distributions are not

std::uint32_t any(std::uint32_t lowest, std::uint32_t highest) {
    return lowest + generator() % (highest - lowest + 1);
}

float uniform(float limit) {
    return (static_cast<float>(generator() >> 8) * 0x1p-23f - 1) * limit;
}

class Hash {
   public:
    explicit Hash(const char* name) : name_(name) { generator.seed(20260101); }
    ~Hash() { std::printf("%s %016llx\n", name_, static_cast<unsigned long long>(hash_)); }

    void add_bits(std::uint32_t bits) { hash_ = (hash_ ^ bits) * 0x100000001B3ull; }
    void add(float number) {
        std::uint32_t bits;
        std::memcpy(&bits, &number, sizeof bits);
        add_bits(std::isnan(number) ? 0x7FC00000 : bits);
    }
    void add(const std::vector<float>& numbers) {
        for (const float number : numbers) add(number);
    }
    void add(F32x16 a) {
        float lanes[16];
        store(lanes, a);
        for (const float lane : lanes) add(lane);
    }
    void add(I32x16 a) {
        static_assert(sizeof a == 64);
        std::uint32_t lanes[16];
        std::memcpy(lanes, &a, sizeof a);
        for (const std::uint32_t lane : lanes) add_bits(lane);
    }

   private:
    const char* name_;
    std::uint64_t hash_ = 0xCBF29CE484222325ull;
};

// Numbers of every kind: any bits, ties, integers near the end of their range, zeros, neighbours.
float awkward() {
    switch (any(0, 7)) {
        case 0: {
            const std::uint32_t bits = generator();
            float number;
            std::memcpy(&number, &bits, sizeof number);
            return number;
        }
        case 1: return static_cast<float>(static_cast<int>(any(0, 600)) - 300) + 0.5f;
        case 2: return uniform(4294967296.0f);
        case 3: {
            const float special[] = {0.0f,          -0.0f,         INFINITY, -INFINITY, NAN,
                                     2147483648.0f, -2147483648.0f, 1e-45f,   -1e-40f,   127.5f};
            return special[any(0, 9)];
        }
        case 4: return uniform(1);
        default: return uniform(130);
    }
}

template <class Make>
F32x16 sixteen(Make make) {
    alignas(64) float lanes[16];
    for (float& lane : lanes) lane = make();
    return load(lanes);
}

F32x16 any_sixteen() { return sixteen(awkward); }

F32x16 plain_sixteen() {
    return sixteen([] { return uniform(9); });
}

template <class Word>
void check_word(const char* name, Word word) {
    Hash hash(name);
    for (int round = 0; round < kRounds; ++round) word(hash);
}

void check_arithmetic() {
    const auto check_pair = [](const char* name, F32x16 (*word)(F32x16, F32x16)) {
        check_word(name, [=](Hash& hash) {
            const F32x16 a = any_sixteen();
            hash.add(word(a, any_sixteen()));
        });
    };
    check_pair("add", add);
    check_pair("sub", sub);
    check_pair("mul", mul);
    check_pair("div", div);
    check_pair("at_least", at_least);
    check_pair("at_most", at_most);
    check_word("fma", [](Hash& hash) {
        const F32x16 a = any_sixteen(), b = any_sixteen();
        hash.add(fma(a, b, any_sixteen()));
        hash.add(fma(a, b, sub(zero(), mul(a, b))));  // what one rounding leaves
    });
    check_word("interleave", [](Hash& hash) {
        F32x16 a = any_sixteen(), b = any_sixteen();
        interleave(a, b);
        hash.add(a);
        hash.add(b);
    });
    check_word("sum", [](Hash& hash) {
        hash.add(sum(plain_sixteen()));
        hash.add(sum(any_sixteen()));
    });
    check_word("exp", [](Hash& hash) { hash.add(exp(any_sixteen())); });
    check_word("exp2_of_nonpositive", [](Hash& hash) {
        hash.add(exp2_of_nonpositive(sixteen([] { return -std::fabs(awkward()); })));
    });
}

void check_lanes() {
    check_word("zero_below", [](Hash& hash) {
        const F32x16 a = any_sixteen(), x = any_sixteen();
        hash.add(zero_below(a, x, any_sixteen()));
    });
    check_word("keep_lanes", [](Hash& hash) {
        const F32x16 a = any_sixteen();
        const int first = static_cast<int>(any(0, 16));
        hash.add(keep_lanes(a, first, static_cast<int>(any(0, 16)) - 1));
    });
    check_word("largest", [](Hash& hash) { hash.add(largest(plain_sixteen())); });
    check_word("largest_magnitude_bits", [](Hash& hash) {
        const F32x16 a = plain_sixteen();
        hash.add_bits(largest_magnitude_bits(a, plain_sixteen()));
        const F32x16 b = any_sixteen();
        hash.add(largest_magnitude_bits(b, any_sixteen()) > 0x7F800000 ? NAN : sum(b));
    });
}

void check_integers() {
    check_word("to_int", [](Hash& hash) { hash.add(to_int(any_sixteen())); });
    check_word("to_float", [](Hash& hash) { hash.add(to_float(to_int(any_sixteen()))); });
    check_word("power_of_two", [](Hash& hash) {
        const auto exponent = [] { return static_cast<float>(any(0, 253)) - 126; };
        hash.add(power_of_two(to_int(sixteen(exponent))));
    });
    check_word("round_to_bytes", [](Hash& hash) {
        std::int8_t bytes[16];
        hash.add_bits(static_cast<std::uint32_t>(round_to_bytes(bytes, any_sixteen())));
        for (const std::int8_t byte : bytes) hash.add_bits(static_cast<std::uint8_t>(byte));
    });
}

std::vector<std::uint8_t> any_bytes(std::size_t count) {
    std::vector<std::uint8_t> bytes(count + 1);  // one more: vectors may begin at any address
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(generator());
    return bytes;
}

void check_loads() {
    const auto check = [](const char* name, F32x16 (*load_some)(const std::uint8_t*)) {
        check_word(name, [=](Hash& hash) { hash.add(load_some(any_bytes(64).data() + 1)); });
    };
    check("load_f16", load_f16);
    check("load_bf16", load_bf16);
    check("load_i8", load_i8);
    check("scales_of_e8m0", scales_of_e8m0);
    check_word("look_up", [](Hash& hash) {
        const Values16 values = load_values(mxfp4_weights.by_scale[any(0, 255)]);
        const std::vector<std::uint8_t> bytes = any_bytes(16);
        hash.add(look_up_low(values, load_bytes(bytes.data() + 1)));
        hash.add(look_up_high(values, load_bytes(bytes.data() + 1)));
    });
}

// Offsets differ between instruction sets; with the start that makes up for them, results do not.
void check_dots() {
    const auto four_columns = [](int offset, std::int8_t* four, std::int32_t* start) {
        *start = 0;
        for (int c = 0; c < 4; ++c) {
            four[c] = static_cast<std::int8_t>(static_cast<int>(any(0, 254)) - 127);
            *start -= offset * four[c];
        }
    };
    check_word("dot_mxfp4", [=](Hash& hash) {
        const std::vector<std::uint8_t> bytes = any_bytes(64);
        std::int8_t four[4];
        std::int32_t start;
        four_columns(kMxfp4Offset, four, &start);
        const U8x64 nibbles = load_tile(bytes.data() + 1);
        hash.add(dot_mxfp4(broadcast_i32(&start), low_weights(mxfp4_values(), nibbles), four));
        hash.add(dot_mxfp4(broadcast_i32(&start), high_weights(mxfp4_values(), nibbles), four));
    });
    check_word("dot_q8", [=](Hash& hash) {
        std::vector<std::uint8_t> bytes = any_bytes(64);
        for (std::uint8_t& byte : bytes)
            if (byte == 0) byte = 1;  // -128 is never stored
        std::int8_t four[4];
        std::int32_t start;
        four_columns(kQ8Offset, four, &start);
        hash.add(dot_q8(broadcast_i32(&start), q8_weights(load_tile(bytes.data() + 1)), four));
    });
}

std::vector<float> numbers(std::size_t count, float limit = 2) {
    std::vector<float> made(count);
    for (float& number : made) number = uniform(limit);
    return made;
}

// Results of some tokens and where each one's row begins.
struct Rows {
    std::vector<float> y;
    std::vector<float*> starts;
    Rows(std::size_t tokens, std::size_t rows) : y(tokens * rows) {
        for (std::size_t t = 0; t < tokens; ++t) starts.push_back(y.data() + t * rows);
    }
};

struct alignas(64) Line {
    float numbers[16];
};

void check_rows() {
    constexpr std::size_t kRows = 5, kBlocks = 7, kTokens = 3;
    const auto check = [](const char* name, auto run) {
        Hash hash(name);
        std::vector<Line> x(kTokens * kBlocks * 2);
        for (Line& line : x)
            for (float& number : line.numbers) number = uniform(2);
        const std::vector<float> bias = numbers(kRows);
        Rows rows(kTokens, kRows);
        run(RowsTask{0, kRows, x.data()->numbers, kTokens, bias.data(), rows.starts.data()});
        hash.add(rows.y);
    };
    const std::vector<std::uint8_t> bytes = any_bytes(kRows * kBlocks * 128);
    std::vector<std::uint8_t> scales = any_bytes(kRows * kBlocks);
    for (std::uint8_t& scale : scales) scale = static_cast<std::uint8_t>(115 + scale % 20);
    for (const NibbleOrder order : {NibbleOrder::kAdjacent, NibbleOrder::kHalves})
        check("linear_f32_mxfp4w", [&](const RowsTask& task) {
            kernels.linear_f32_mxfp4w({bytes.data() + 1, scales.data(), kRows, kBlocks,
                                       kBlocks * 16, 16, kBlocks, 1, order}, task);
        });
    std::vector<std::uint8_t> q8 = any_bytes(kRows * kBlocks * 34);
    for (std::size_t i = 0; i < kRows * kBlocks; ++i) q8[34 * i + 1] = 0x20;
    check("linear_f32_q8w", [&](const RowsTask& task) {
        kernels.linear_f32_q8w({q8.data() + 2, q8.data(), kRows, kBlocks, kBlocks * 34, 34,
                                kBlocks * 34, 34}, task);
    });
    const PlainMatrix::Type types[] = {PlainMatrix::Type::kF32, PlainMatrix::Type::kF16,
                                       PlainMatrix::Type::kBf16};
    for (const PlainMatrix::Type type : types)
        check("linear_f32_plainw", [&](const RowsTask& task) {
            std::vector<std::uint8_t> weights = bytes;
            const std::size_t width = type == PlainMatrix::Type::kF32 ? 4 : 2;
            for (std::size_t i = width; i < weights.size(); i += width)  // no huge ones, no NaN
                weights[i] = static_cast<std::uint8_t>((weights[i] & 0x83) | 0x3C);
            const std::size_t columns = kBlocks * 32 - 5;
            kernels.linear_f32_plainw({weights.data() + 1, kRows, columns, columns * width, type},
                                      task);
        });
}

// Tokens side by side, rounded to bytes.
struct Group {
    std::size_t blocks;
    std::vector<std::int8_t> bytes;
    std::vector<float> scales;
    std::vector<std::int32_t> starts;
    Q8Tokens view;

    Group(std::size_t tokens, std::size_t columns, TileFormat format)
        : blocks((columns + 31) / 32),
          bytes(blocks * tokens * 32),
          scales(blocks * tokens),
          starts(blocks * tokens),
          view{bytes.data(), scales.data(), starts.data(), tokens} {
        const std::vector<float> x = numbers(tokens * columns);
        std::vector<const float*> rows;
        for (std::size_t t = 0; t < tokens; ++t) rows.push_back(x.data() + t * columns);
        kernels.quantise_f32_q8(rows.data(), columns, format, view);
    }

    // Token by token: how many lie side by side differs between instruction sets.
    void add_to(Hash& hash) const {
        for (std::size_t t = 0; t < view.tokens; ++t)
            for (std::size_t block = 0; block < blocks; ++block) {
                const std::size_t place = block * view.tokens + t;
                hash.add(scales[place]);
                for (std::size_t c = 0; c < 32; ++c)
                    hash.add_bits(static_cast<std::uint8_t>(bytes[place * 32 + c]));
            }
    }
};

void check_tiles() {
    constexpr std::size_t kRows = 37, kBlocks = 6, kColumns = kBlocks * 32 - 7;
    for (const TileFormat format : {TileFormat::kMxfp4, TileFormat::kQ8}) {
        const bool is_mxfp4 = format == TileFormat::kMxfp4;
        Hash hash(is_mxfp4 ? "linear_q8_tiles of MXFP4" : "linear_q8_tiles of Q8");
        const std::size_t tiles = num_row_tiles(kRows);
        std::vector<std::uint8_t> memory = any_bytes(tiles * kBlocks * tile_bytes(format));
        for (std::size_t i = 0; i < memory.size(); ++i) {
            const bool is_scale = i % tile_bytes(format) >= value_bytes(format);
            if (is_scale && is_mxfp4)
                memory[i] = static_cast<std::uint8_t>(115 + memory[i] % 16);
            else if (is_scale && i % 2)
                memory[i] = 0x20;
            else if (!is_scale && memory[i] == 0)
                memory[i] = 1;
        }
        const Tiles weight = {memory.data(), kRows, kBlocks, format,
                              kBlocks * tile_bytes(format)};
        const std::vector<float> bias = numbers(kRows);
        for (const std::size_t tokens : {1, 2, 3, 4, 5, 12, 16, 21}) {
            std::vector<Group> groups;
            std::vector<Q8Tokens> views;
            for (std::size_t left = tokens; left > 0; left -= views.back().tokens) {
                groups.emplace_back(std::min(left, kernels.tokens_at_once), kColumns, format);
                groups.back().add_to(hash);
                views.push_back(groups.back().view);
            }
            Rows y(tokens, kRows);
            const TileTask task = {0, tiles, views.data(), views.size(), y.starts.data()};
            kernels.linear_q8_tiles(weight, bias.data(), task);
            hash.add(y.y);
            kernels.linear_q8_tiles_swiglu(weight, bias.data(), weight, bias.data(), 7, task);
            hash.add(y.y);
        }
    }
}

// Three tokens of a sequence that begins its second split, eight heads on one of keys.
void check_attention() {
    Hash hash("attention");
    constexpr std::size_t kHeads = 8, kDim = 40, kPadded = 48, kTokens = 3, kPages = 66;
    std::vector<std::uint16_t> keys(kPages * kPageSize * kDim);
    std::vector<std::uint16_t> values(kPages * kPageSize * kPadded);
    for (auto* all : {&keys, &values})
        for (std::uint16_t& half : *all) {
            const float number = uniform(2);
            std::uint32_t bits;
            std::memcpy(&bits, &number, sizeof bits);
            half = static_cast<std::uint16_t>(bits >> 16);
        }
    std::vector<std::int32_t> page_ids;
    for (std::size_t page = 0; page < kPages; ++page)
        page_ids.push_back(static_cast<std::int32_t>(page * 5 % kPages));
    const KvPages pages = {keys.data(), values.data(), kPages, 1, kDim, kPadded};
    const std::vector<float> q = numbers(kTokens * kHeads * kDim), sinks = numbers(kHeads);
    const std::int32_t positions[kTokens] = {2046, 2049, 2090};
    const std::size_t rows = kTokens * kHeads, record = kPadded + kRecordExtra;
    std::vector<Line> scratch(rows * kDim / 16), first(rows * record / 16), later(first.size());
    for (const std::size_t window : {0, 1, 77, 2048}) {
        const Queries queries = {q.data(),       kHeads * kDim, positions, sinks.data(),
                                 page_ids.data(), kTokens,      kHeads,    0, window};
        kernels.attention_f32_bf16kv(pages, queries, 0, scratch[0].numbers, first[0].numbers);
        kernels.attention_f32_bf16kv(pages, queries, 1, scratch[0].numbers, later[0].numbers);
        kernels.attention_merge(first[0].numbers, later[0].numbers, rows, kPadded);
        std::vector<float> y(q.size());
        kernels.attention_finish(first[0].numbers, queries, kDim, kPadded, y.data());
        hash.add(y);
    }
}

void check_row_kernels() {
    for (const std::size_t columns : {1, 16, 31, 64, 200}) {
        Hash hash("rms_norm_f32");
        const std::vector<float> x = numbers(columns), weight = numbers(columns);
        std::vector<float> y(columns);
        kernels.rms_norm_f32(x.data(), weight.data(), 1e-5f, columns, y.data());
        hash.add(y);
    }
    for (const std::size_t half : {1, 16, 21, 32}) {
        Hash hash("rope_f32");
        const std::vector<float> x = numbers(3 * 2 * half);
        const std::vector<float> cos = numbers(half), sin = numbers(half);
        std::vector<float> y(x.size());
        kernels.rope_f32(x.data(), cos.data(), sin.data(), 3, half, y.data());
        hash.add(y);
    }
}

}  // namespace

int main() {
    check_arithmetic();
    check_lanes();
    check_integers();
    check_loads();
    check_dots();
    check_rows();
    check_tiles();
    check_attention();
    check_row_kernels();
    return 0;
}
