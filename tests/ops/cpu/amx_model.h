// AMX's tiles in plain C++, for processors without: included before a target's file, it takes the
// place of the compiler's intrinsics. After Intel's SDM, volume 2 (LDTILECFG, TILELOADD, TDPBSUD);
// where a processor would fault, the program ends with a message.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace amx_model {

struct Tile {
    std::size_t rows, row_bytes;  // 0 where it is not configured
    std::uint8_t bytes[16][64];
};
inline Tile tiles[8];

inline void expect(bool is_so, const char* what) {
    if (is_so) return;
    std::fprintf(stderr, "amx_model: %s\n", what);
    std::exit(1);
}

inline Tile& configured(int tile) {
    expect(tile >= 0 && tile < 8 && tiles[tile].rows != 0, "a tile without a shape");
    return tiles[tile];
}

inline void release() { std::memset(tiles, 0, sizeof tiles); }

inline void load_config(const void* from) {
    std::uint8_t config[64];
    std::memcpy(config, from, sizeof config);
    expect(config[0] == 1 && config[1] == 0, "palette 1 and row 0 to start from");
    for (int i = 2; i < 16; ++i) expect(config[i] == 0, "reserved bytes are zeros");
    for (int i = 32; i < 48; ++i) expect(config[i] == 0, "palette 1 has eight tiles");
    for (int i = 56; i < 64; ++i) expect(config[i] == 0, "palette 1 has eight tiles");
    release();
    for (int tile = 0; tile < 8; ++tile) {
        const std::size_t rows = config[48 + tile];
        const std::size_t row_bytes = config[16 + 2 * tile] + 256u * config[17 + 2 * tile];
        expect(rows <= 16 && row_bytes <= 64, "at most 16 rows of 64 bytes");
        expect((rows == 0) == (row_bytes == 0), "rows without bytes");
        tiles[tile].rows = rows;
        tiles[tile].row_bytes = row_bytes;
    }
}

inline void zero(int tile) { std::memset(configured(tile).bytes, 0, sizeof tiles[tile].bytes); }

inline void load(int tile, const void* from, std::size_t stride) {
    zero(tile);
    for (std::size_t row = 0; row < tiles[tile].rows; ++row)
        std::memcpy(tiles[tile].bytes[row], static_cast<const char*>(from) + row * stride,
                    tiles[tile].row_bytes);
}

inline void store(int tile, void* to, std::size_t stride) {
    const Tile& source = configured(tile);
    for (std::size_t row = 0; row < source.rows; ++row)
        std::memcpy(static_cast<char*>(to) + row * stride, source.bytes[row], source.row_bytes);
}

// Bytes of `a` have a sign, those of `b` have none.
inline void dot(int sum_tile, int a_tile, int b_tile) {
    Tile& sums = configured(sum_tile);
    const Tile &a = configured(a_tile), &b = configured(b_tile);
    expect(sum_tile != a_tile && sum_tile != b_tile && a_tile != b_tile, "three tiles");
    expect(sums.rows == a.rows && sums.row_bytes == b.row_bytes, "shapes of the sums");
    expect(a.row_bytes == 4 * b.rows && b.row_bytes % 4 == 0, "shapes of the factors");
    for (std::size_t m = 0; m < sums.rows; ++m)
        for (std::size_t n = 0; n < sums.row_bytes / 4; ++n) {
            std::int32_t sum;
            std::memcpy(&sum, sums.bytes[m] + 4 * n, 4);
            for (std::size_t k = 0; k < b.rows; ++k)
                for (std::size_t i = 0; i < 4; ++i)
                    sum += static_cast<std::int8_t>(a.bytes[m][4 * k + i]) * b.bytes[k][4 * n + i];
            std::memcpy(sums.bytes[m] + 4 * n, &sum, 4);
        }
}

}  // namespace amx_model

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbsud
#define _tile_loadconfig amx_model::load_config
#define _tile_release amx_model::release
#define _tile_loadd amx_model::load
#define _tile_stored amx_model::store
#define _tile_zero amx_model::zero
#define _tile_dpbsud amx_model::dot
