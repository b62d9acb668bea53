// The memory bandwidth probe for Python.
#include "checks.h"

namespace ossia {

void bind_bandwidth(nb::module_&) {}

}  // namespace ossia
