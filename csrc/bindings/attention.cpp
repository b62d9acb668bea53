// Attention, rotary embedding and normalisation for Python.
#include "checks.h"

namespace ossia {

void bind_attention(nb::module_&) {}

}  // namespace ossia
