// Matrix products over tiles, the experts, and the packing of tiles, for Python.
#include <nanobind/stl/optional.h>

#include "../experts.h"
#include "../linear.h"
#include "../pack.h"
#include "checks.h"
#include "matrices.h"

namespace ossia {
namespace {

// Refuses tiles [..., row_tiles, blocks, bytes of a tile] whose last two axes are not contiguous, or
// that run backwards; other axes may have any stride, because matrices may take turns.
template <class Array>
void require_tiles(const char* name, const Array& tiles, std::size_t ndim) {
    require_array<std::uint8_t>(name, tiles, ndim);
    bool agrees = tiles.size() == 0 || (tiles.stride(ndim - 1) == 1 &&
                                        (tiles.shape(ndim - 2) < 2 ||
                                         tiles.stride(ndim - 2) ==
                                             static_cast<std::int64_t>(tiles.shape(ndim - 1))));
    for (std::size_t axis = 0; axis + 2 < ndim; ++axis)
        agrees = agrees && (tiles.shape(axis) < 2 || tiles.stride(axis) >= 0);
    require(agrees, std::string(name) + " must be contiguous");
}

// tiles [..., row_tiles, blocks, bytes of a tile], with `leading` axes before; rows is what their
// matrix has. The format is known by the bytes.
Tiles tiles_of(const char* name, const ReadOnly& tiles, std::size_t leading, std::size_t rows) {
    const std::string what(name);
    require_tiles(name, tiles, leading + 3);
    const std::size_t bytes = tiles.shape(leading + 2);
    const bool is_mxfp4 = bytes == tile_bytes(TileFormat::kMxfp4);
    require(is_mxfp4 || bytes == tile_bytes(TileFormat::kQ8), what + " is not cut into tiles");
    require(tiles.shape(leading) == num_row_tiles(rows),
            what + " has not as many rows as the result");
    return {static_cast<const std::uint8_t*>(tiles.data()), rows, tiles.shape(leading + 1),
            is_mxfp4 ? TileFormat::kMxfp4 : TileFormat::kQ8,
            static_cast<std::size_t>(tiles.stride(leading))};
}

void require_blocks(const char* name, const Tiles& tiles, std::size_t columns) {
    require(tiles.blocks == (columns + kBlockSize - 1) / kBlockSize,
            std::string(name) + " has not as many columns as x");
}

const char* linear_q8_tiles(const ReadOnly& x, const ReadOnly& tiles,
                            const std::optional<ReadOnly>& bias, const Writable& y) {
    const auto* numbers = contiguous<float>("x", x, 2);
    auto* results = contiguous<float>("y", y, 2);
    require(x.shape(0) == y.shape(0), "x and y must have as many tokens");
    const std::size_t rows = y.shape(1);
    const Tiles weight = tiles_of("weight", tiles, 0, rows);
    require_blocks("weight", weight, x.shape(1));
    const float* added = nullptr;
    if (bias.has_value()) {
        added = contiguous<float>("bias", *bias, 1);
        require_shape("bias", *bias, {rows});
    }
    const Kernels& table = kernels();
    const nb::gil_scoped_release released;
    return linear(table, weight, added, numbers, x.shape(0), x.shape(1), results);
}

ExpertTiles expert_tiles_of(const char* name, const ReadOnly& all, const ReadOnly& bias, std::size_t num_experts, std::size_t rows,
                            std::size_t columns) {
    const Tiles tiles = tiles_of(name, all, 1, rows);
    require(all.shape(0) == num_experts, std::string(name) + " has another number of experts");
    require_blocks(name, tiles, columns);
    const auto* added = contiguous<float>("bias", bias, 2);
    require_shape("bias", bias, {num_experts, rows});
    return {tiles, static_cast<std::size_t>(all.stride(0)), added};
}

const char* experts_q8_tiles(const ReadOnly& x, const ReadOnly& expert_ids,
                             const ReadOnly& expert_weights, const ReadOnly& gate,
                             const ReadOnly& gate_bias, const ReadOnly& up,
                             const ReadOnly& up_bias, const ReadOnly& down,
                             const ReadOnly& down_bias, float limit, const Writable& y) {
    ExpertsCall call{};
    call.x = contiguous<float>("x", x, 2);
    call.tokens = x.shape(0);
    call.hidden = x.shape(1);
    call.y = contiguous<float>("y", y, 2);
    require_shape("y", y, {call.tokens, call.hidden});
    call.expert_ids = contiguous<std::int32_t>("expert_ids", expert_ids, 2);
    call.active = expert_ids.shape(1);
    require_shape("expert_ids", expert_ids, {call.tokens, call.active});
    call.expert_weights = contiguous<float>("expert_weights", expert_weights, 2);
    require_shape("expert_weights", expert_weights, {call.tokens, call.active});
    require(gate_bias.ndim() == 2, "gate_bias must have 2 axes");
    call.num_experts = gate_bias.shape(0);
    call.inter = gate_bias.shape(1);
    call.gate = expert_tiles_of("gate", gate, gate_bias, call.num_experts,
                                call.inter, call.hidden);
    call.up = expert_tiles_of("up", up, up_bias, call.num_experts, call.inter,
                              call.hidden);
    call.down = expert_tiles_of("down", down, down_bias, call.num_experts,
                                call.hidden, call.inter);
    require(call.gate.first.format == call.up.first.format, "gate and up differ in format");
    for (std::size_t i = 0; i < call.tokens * call.active; ++i)
        require(call.expert_ids[i] >= 0 &&
                    static_cast<std::size_t>(call.expert_ids[i]) < call.num_experts,
                "expert_ids names an expert that is not there");
    call.limit = limit;
    const Kernels& table = kernels();
    const nb::gil_scoped_release released;
    return experts(table, call);
}

void route_tokens(const ReadOnly& logits, const Writable& ids, const Writable& weights) {
    const auto* numbers = contiguous<float>("logits", logits, 2);
    auto* chosen = contiguous<std::int32_t>("ids", ids, 2);
    auto* shares = contiguous<float>("weights", weights, 2);
    const std::size_t tokens = logits.shape(0), active = ids.shape(1);
    require(active >= 1 && active <= logits.shape(1), "there are not so many experts to choose");
    require_shape("ids", ids, {tokens, active});
    require_shape("weights", weights, {tokens, active});
    const nb::gil_scoped_release released;
    route(numbers, tokens, logits.shape(1), active, chosen, shares);
}

// Where tiles of a [rows, blocks * 32] matrix are written.
std::uint8_t* room_for_tiles(const Writable& tiles, TileFormat format, std::size_t rows,
                             std::size_t blocks) {
    require_tiles("tiles", tiles, 3);
    require_shape("tiles", tiles, {num_row_tiles(rows), blocks, tile_bytes(format)});
    return static_cast<std::uint8_t*>(tiles.data());
}

void pack_mxfp4_tiles(const ReadOnly& blocks, const ReadOnly& scales, bool is_halves,
                      const Writable& tiles) {
    const Mxfp4Matrix matrix = mxfp4_matrix_of(blocks, scales, is_halves);
    auto* to = room_for_tiles(tiles, TileFormat::kMxfp4, matrix.rows, matrix.num_blocks);
    const nb::gil_scoped_release released;
    pack_mxfp4(matrix, to, static_cast<std::size_t>(tiles.stride(0)));
}

void pack_q8_tiles(const ReadOnly& values, const ReadOnly& scales, const Writable& tiles) {
    const Q8Matrix matrix = q8_matrix_of(values, scales);
    auto* to = room_for_tiles(tiles, TileFormat::kQ8, matrix.rows, matrix.num_blocks);
    const nb::gil_scoped_release released;
    pack_q8(matrix, to, static_cast<std::size_t>(tiles.stride(0)));
}

void pack_plain_tiles(const ReadOnly& numbers, const Writable& tiles) {
    const PlainMatrix matrix = plain_matrix_of(numbers);
    const std::size_t blocks = (matrix.columns + kBlockSize - 1) / kBlockSize;
    auto* to = room_for_tiles(tiles, TileFormat::kQ8, matrix.rows, blocks);
    const nb::gil_scoped_release released;
    pack_plain(matrix, to, static_cast<std::size_t>(tiles.stride(0)));
}

}  // namespace

void bind_linear(nb::module_& module) {
    module.def("linear_q8_tiles", &linear_q8_tiles, nb::arg("x").noconvert(),
               nb::arg("tiles").noconvert(), nb::arg("bias").noconvert().none(),
               nb::arg("y").noconvert());
    module.def("experts_q8_tiles", &experts_q8_tiles, nb::arg("x").noconvert(),
               nb::arg("expert_ids").noconvert(), nb::arg("expert_weights").noconvert(),
               nb::arg("gate").noconvert(), nb::arg("gate_bias").noconvert(),
               nb::arg("up").noconvert(), nb::arg("up_bias").noconvert(),
               nb::arg("down").noconvert(), nb::arg("down_bias").noconvert(), nb::arg("limit"),
               nb::arg("y").noconvert());
    module.def("route", &route_tokens, nb::arg("logits").noconvert(), nb::arg("ids").noconvert(),
               nb::arg("weights").noconvert());
    module.def("pack_mxfp4_tiles", &pack_mxfp4_tiles, nb::arg("blocks").noconvert(),
               nb::arg("scales").noconvert(), nb::arg("is_halves"), nb::arg("tiles").noconvert());
    module.def("pack_q8_tiles", &pack_q8_tiles, nb::arg("values").noconvert(),
               nb::arg("scales").noconvert(), nb::arg("tiles").noconvert());
    module.def("pack_plain_tiles", &pack_plain_tiles, nb::arg("numbers").noconvert(),
               nb::arg("tiles").noconvert());
}

}  // namespace ossia
