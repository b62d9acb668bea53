// Attention, rotary embedding and normalisation for Python. A page, a slot or a row that is not
// there is refused before memory is touched.
#include "../attention.h"

#include <algorithm>

#include "checks.h"

namespace ossia {
namespace {

// Keys and values as ops/cpu/attention.py allocates them.
template <class Array>
KvPages pages_of(const Array& keys, const Array& values, std::size_t head_dim) {
    const auto* first_key = contiguous<std::uint16_t>("keys", keys, 5);
    const auto* first_value = contiguous<std::uint16_t>("values", values, 5);
    const std::size_t padded_dim = (head_dim + 15) / 16 * 16;
    const std::size_t num_pages = keys.shape(0), kv_heads = keys.shape(1);
    require(head_dim % 2 == 0 && head_dim > 0, "head_dim must be even");
    require(kv_heads > 0, "keys must have heads");
    require_shape("keys", keys, {num_pages, kv_heads, head_dim / 2, kPageSize, 2});
    require_shape("values", values, {num_pages, kv_heads, kPageSize / 2, padded_dim, 2});
    return {first_key, first_value, num_pages, kv_heads, head_dim, padded_dim};
}

// Every token is in its sequence's run, and every page that one sees is a page.
void require_visible(const TokenRuns& runs, std::size_t tokens, std::size_t num_pages,
                     std::size_t window) {
    std::int64_t end = 0;
    for (std::size_t sequence = 0; sequence < runs.sequences; ++sequence) {
        const std::int64_t first = runs.starts[sequence], last = runs.starts[sequence + 1];
        require(first == end && first <= last && last <= static_cast<std::int64_t>(tokens),
                "sequence_starts must ascend from 0 to the number of tokens");
        end = last;
        if (first == last) continue;
        const auto [lowest, highest] =
            std::minmax_element(runs.positions + first, runs.positions + last);
        require(*lowest >= 0, "positions must not be negative");
        const std::int64_t hidden = window == 0 ? 0 : *lowest + std::int64_t{1} -
                                                          static_cast<std::int64_t>(window);
        const std::size_t first_page =
            hidden <= 0 ? 0 : static_cast<std::size_t>(hidden) / kPageSize;
        const std::size_t last_page = static_cast<std::size_t>(*highest) / kPageSize;
        require(last_page < runs.logical_pages, "the page table ends before a position");
        const std::int32_t* page_ids = runs.page_ids + sequence * runs.logical_pages;
        bool is_good = true;
        for (std::size_t page = first_page; page <= last_page; ++page)
            is_good &= page_ids[page] >= 0 && static_cast<std::size_t>(page_ids[page]) < num_pages;
        require(is_good, "a page that a token sees is not there");
    }
    require(end == static_cast<std::int64_t>(tokens),
            "sequence_starts must ascend from 0 to the number of tokens");
}

const char* attention_of(const ReadOnly& q, const ReadOnly& sinks, const ReadOnly& positions,
                         const ReadOnly& sequence_starts, const ReadOnly& page_ids,
                         const ReadOnly& keys, const ReadOnly& values, std::size_t window,
                         const Writable& y) {
    const auto* first_q = contiguous<float>("q", q, 3);
    const auto* first_sink = contiguous<float>("sinks", sinks, 1);
    auto* first_y = contiguous<float>("y", y, 2);
    const std::size_t tokens = q.shape(0), heads = q.shape(1), head_dim = q.shape(2);
    const KvPages pages = pages_of(keys, values, head_dim);
    require(heads % pages.kv_heads == 0, "heads must be a multiple of the key/value heads");
    require_shape("sinks", sinks, {heads});
    require_shape("y", y, {tokens, heads * head_dim});
    const auto* first_position = contiguous<std::int32_t>("positions", positions, 1);
    require_shape("positions", positions, {tokens});
    const auto* starts = contiguous<std::int32_t>("sequence_starts", sequence_starts, 1);
    const auto* ids = contiguous<std::int32_t>("pages", page_ids, 2);
    require_shape("sequence_starts", sequence_starts, {page_ids.shape(0) + 1});
    const TokenRuns runs{first_position, starts, ids, page_ids.shape(0), page_ids.shape(1)};
    require_visible(runs, tokens, pages.num_pages, window);

    const Kernels& in_use = kernels();
    const nb::gil_scoped_release released;
    attention(in_use, pages, runs, first_q, first_sink, heads, window, first_y);
    return in_use.name;
}

void store_kv_of(const ReadOnly& k, const ReadOnly& v, const ReadOnly& slots, const Writable& keys,
                 const Writable& values) {
    const auto* first_k = contiguous<float>("k", k, 3);
    const auto* first_v = contiguous<float>("v", v, 3);
    const std::size_t tokens = k.shape(0);
    const KvPages pages = pages_of(keys, values, k.shape(2));
    require_shape("k", k, {tokens, pages.kv_heads, pages.head_dim});
    require_shape("v", v, {tokens, pages.kv_heads, pages.head_dim});
    const auto* first_slot = contiguous<std::int32_t>("slots", slots, 1);
    require_shape("slots", slots, {tokens});
    for (std::size_t token = 0; token < tokens; ++token)
        require(first_slot[token] >= 0 &&
                    static_cast<std::size_t>(first_slot[token]) / kPageSize < pages.num_pages,
                "a slot lies outside the pages");

    const nb::gil_scoped_release released;
    store_kv(first_k, first_v, first_slot, tokens, static_cast<std::uint16_t*>(keys.data()),
             static_cast<std::uint16_t*>(values.data()), pages);
}

const char* rope_of(const ReadOnly& x, const ReadOnly& positions, const ReadOnly& frequencies,
                    float scale, const Writable& y) {
    const auto* first_x = contiguous<float>("x", x, 3);
    auto* first_y = contiguous<float>("y", y, 3);
    const std::size_t tokens = x.shape(0), heads = x.shape(1), head_dim = x.shape(2);
    const auto* first_position = contiguous<std::int32_t>("positions", positions, 1);
    const auto* first_frequency = contiguous<float>("frequencies", frequencies, 1);
    require(head_dim % 2 == 0, "head_dim must be even");
    require_shape("y", y, {tokens, heads, head_dim});
    require_shape("positions", positions, {tokens});
    require_shape("frequencies", frequencies, {head_dim / 2});

    const Kernels& in_use = kernels();
    const nb::gil_scoped_release released;
    rope(in_use, first_x, first_position, first_frequency, scale, tokens, heads, head_dim, first_y);
    return in_use.name;
}

const char* rms_norm_of(const ReadOnly& x, const ReadOnly& weight, float eps, const Writable& y) {
    const auto* first_x = contiguous<float>("x", x, 2);
    const auto* first_weight = contiguous<float>("weight", weight, 1);
    auto* first_y = contiguous<float>("y", y, 2);
    const std::size_t tokens = x.shape(0), columns = x.shape(1);
    require_shape("weight", weight, {columns});
    require_shape("y", y, {tokens, columns});

    const Kernels& in_use = kernels();
    const nb::gil_scoped_release released;
    rms_norm(in_use, first_x, first_weight, eps, tokens, columns, first_y);
    return in_use.name;
}

}  // namespace

void bind_attention(nb::module_& module) {
    module.def("attention", &attention_of, nb::arg("q").noconvert(), nb::arg("sinks").noconvert(),
               nb::arg("positions").noconvert(), nb::arg("sequence_starts").noconvert(),
               nb::arg("pages").noconvert(), nb::arg("keys").noconvert(),
               nb::arg("values").noconvert(), nb::arg("window"), nb::arg("y").noconvert());
    module.def("store_kv", &store_kv_of, nb::arg("k").noconvert(), nb::arg("v").noconvert(),
               nb::arg("slots").noconvert(), nb::arg("keys").noconvert(),
               nb::arg("values").noconvert());
    module.def("rope", &rope_of, nb::arg("x").noconvert(), nb::arg("positions").noconvert(),
               nb::arg("frequencies").noconvert(), nb::arg("scale"), nb::arg("y").noconvert());
    module.def("rms_norm", &rms_norm_of, nb::arg("x").noconvert(), nb::arg("weight").noconvert(),
               nb::arg("eps"), nb::arg("y").noconvert());
}

}  // namespace ossia
