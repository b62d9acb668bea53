// Which compiled instruction set to use. Knows their names and needs, and no kernel.
#pragma once

#include <cstdint>

#include "kernels/table.h"

namespace ossia {

struct InstructionSet {
    const char* name;
    std::uint32_t required;  // Feature bits
    const Kernels* kernels;

    bool is_available() const;  // on this processor, under this operating system
};

// Those compiled in, from the fastest to the plainest; the last runs anywhere.
struct InstructionSets {
    const InstructionSet* first;
    const InstructionSet* last;  // one past the end
    const InstructionSet* begin() const { return first; }
    const InstructionSet* end() const { return last; }
};
InstructionSets instruction_sets();

}  // namespace ossia
