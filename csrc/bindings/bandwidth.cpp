// The memory bandwidth probe for Python.
#include "../bandwidth.h"

#include "checks.h"

namespace ossia {
namespace {

std::uint64_t xor_words_of(const ReadOnly& words) {
    const auto* first = contiguous<std::uint64_t>("words", words, 1);
    const nb::gil_scoped_release released;
    return xor_words(first, words.size());
}

}  // namespace

void bind_bandwidth(nb::module_& module) {
    module.def("xor_words", &xor_words_of, nb::arg("words").noconvert());
}

}  // namespace ossia
