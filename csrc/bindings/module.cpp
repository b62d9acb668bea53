// The Python module ossia.ops.cpu._kernels: the only file that knows Python.
//
// Every argument is checked before a pointer is touched; then the GIL is released.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "../dispatch.h"
#include "../threads.h"
#include "checks.h"
#include "matrices.h"

namespace ossia {

// Each file of bindings/ adds its functions.
void bind_attention(nb::module_& module);
void bind_bandwidth(nb::module_& module);
void bind_linear(nb::module_& module);

namespace {

const Kernels* kernels_in_use = nullptr;

}  // namespace

const Kernels& kernels() {
    if (kernels_in_use == nullptr)
        for (const InstructionSet& set : instruction_sets())
            if (kernels_in_use == nullptr && set.is_available()) kernels_in_use = set.kernels;
    return *kernels_in_use;
}

}  // namespace ossia

namespace {

using namespace ossia;

using Result = nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

struct FreeAligned {
    void operator()(float* numbers) const { ::operator delete(numbers, std::align_val_t{64}); }
};

std::unique_ptr<float[], FreeAligned> allocate_aligned(std::size_t num_floats) {
    void* memory = ::operator new(num_floats * sizeof(float), std::align_val_t{64});
    return std::unique_ptr<float[], FreeAligned>(static_cast<float*>(memory));
}

std::vector<std::string> available_instruction_sets() {
    std::vector<std::string> names;
    for (const InstructionSet& set : instruction_sets())
        if (set.is_available()) names.emplace_back(set.name);
    return names;
}

std::vector<std::string> compiled_instruction_sets() {
    std::vector<std::string> names;
    for (const InstructionSet& set : instruction_sets()) names.emplace_back(set.name);
    return names;
}

const Kernels& kernels_of(const char* name) {
    for (const InstructionSet& set : instruction_sets())
        if (std::strcmp(set.name, name) == 0 && set.is_available()) return *set.kernels;
    throw nb::value_error(("no kernels for instruction set '" + std::string(name) + "'").c_str());
}

const char* row_dot_f32_mxfp4w(const char* instruction_set, const ReadOnly& blocks,
                               const ReadOnly& scales, bool is_halves, const ReadOnly& x,
                               const Result& y) {
    const Kernels& kernels = kernels_of(instruction_set);
    const Mxfp4Matrix matrix = mxfp4_matrix_of(blocks, scales, is_halves);
    const std::size_t columns = matrix.num_blocks * kBlockSize;
    require_strided("x", x, 1, nb::dtype<float>(), "float32");
    require(x.shape(0) == columns, "x must have " + std::to_string(columns) + " numbers, not " +
                                       std::to_string(x.shape(0)));
    require(columns == 0 || x.stride(0) == 1, "x must be contiguous");
    require(y.shape(0) == matrix.rows, "y must have " + std::to_string(matrix.rows) +
                                           " numbers, not " + std::to_string(y.shape(0)));

    const nb::gil_scoped_release released;
    const auto arranged = allocate_aligned(columns);
    arrange_columns(static_cast<const float*>(x.data()), matrix.num_blocks, matrix.order,
                    arranged.get());
    return kernels.row_dot_f32_mxfp4w(matrix, arranged.get(), y.data());
}

// Kernels are called as those of this instruction set from now on, by every thread.
void use_instruction_set(const char* name) { kernels_in_use = &kernels_of(name); }

}  // namespace

NB_MODULE(_kernels, module) {
    module.def("use_instruction_set", &use_instruction_set, nb::arg("name"));
    module.def("set_num_threads", &set_num_threads, nb::arg("count"));
    module.def("num_threads", &num_threads);
    bind_attention(module);
    bind_bandwidth(module);
    bind_linear(module);
    module.def("available_instruction_sets", &available_instruction_sets);
    module.def("compiled_instruction_sets", &compiled_instruction_sets);
    module.def("row_dot_f32_mxfp4w", &row_dot_f32_mxfp4w, nb::arg("instruction_set"),
               nb::arg("blocks").noconvert(), nb::arg("scales").noconvert(), nb::arg("is_halves"),
               nb::arg("x").noconvert(), nb::arg("y").noconvert());
}
