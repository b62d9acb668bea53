// The Python module ossia.ops.cpu._kernels. Only bindings/ knows Python.
//
// Every argument is checked before a pointer is touched; then the GIL is released.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <string>
#include <vector>

#include "../dispatch.h"
#include "../threads.h"
#include "checks.h"

namespace ossia {

// Each file of bindings/ adds its functions.
void bind_attention(nb::module_& module);
void bind_bandwidth(nb::module_& module);
void bind_linear(nb::module_& module);
void bind_released(nb::module_& module);

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

// Kernels are called as those of this instruction set from now on, by every thread.
void use_instruction_set(const char* name) { kernels_in_use = &kernels_of(name); }

}  // namespace

NB_MODULE(_kernels, module) {
    module.def("available_instruction_sets", &available_instruction_sets);
    module.def("compiled_instruction_sets", &compiled_instruction_sets);
    module.def("use_instruction_set", &use_instruction_set, nb::arg("name"));
    module.def("set_num_threads", &set_num_threads, nb::arg("count"));
    module.def("num_threads", &num_threads);
    bind_attention(module);
    bind_bandwidth(module);
    bind_linear(module);
    bind_released(module);
}
