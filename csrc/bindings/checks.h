// Checks of what Python hands over: every argument is checked before a pointer is touched.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <string>

#include "../kernels/table.h"

namespace ossia {

namespace nb = nanobind;

using ReadOnly = nb::ndarray<nb::ro, nb::device::cpu>;
using Writable = nb::ndarray<nb::device::cpu>;

// The kernels in use: those of the last use_instruction_set(), at first the fastest.
const Kernels& kernels();

inline void require(bool condition, const std::string& otherwise) {
    if (!condition) throw nb::value_error(otherwise.c_str());
}

// Refuses an array of other numbers or another number of axes; `Array` is either of the above.
template <class Number, class Array>
void require_array(const char* name, const Array& array, std::size_t ndim) {
    if (array.dtype() != nb::dtype<Number>())
        throw nb::type_error((std::string(name) + " has the wrong dtype").c_str());
    require(array.ndim() == ndim, std::string(name) + " must have " + std::to_string(ndim) +
                                      " axes, not " + std::to_string(array.ndim()));
}

template <class Array>
bool is_contiguous(const Array& array) {
    if (array.size() == 0) return true;  // whatever its strides
    std::int64_t expected = 1;
    for (std::size_t axis = array.ndim(); axis-- > 0;) {
        if (array.shape(axis) > 1 && array.stride(axis) != expected) return false;
        expected *= static_cast<std::int64_t>(array.shape(axis));
    }
    return true;
}

// The first number of an array that must be C-contiguous.
template <class Number, class Array>
auto contiguous(const char* name, const Array& array, std::size_t ndim) {
    require_array<Number>(name, array, ndim);
    require(is_contiguous(array), std::string(name) + " must be contiguous");
    if constexpr (std::is_same_v<Array, ReadOnly>)
        return static_cast<const Number*>(array.data());
    else
        return static_cast<Number*>(array.data());
}

template <class Array>
void require_shape(const char* name, const Array& array, std::initializer_list<std::size_t> shape) {
    std::size_t axis = 0;
    bool agrees = array.ndim() == shape.size();
    for (const std::size_t size : shape) agrees = agrees && array.shape(axis++) == size;
    if (agrees) return;
    std::string text = std::string(name) + " must have the shape (";
    for (const std::size_t size : shape) text += std::to_string(size) + ", ";
    throw nb::value_error((text + ")").c_str());
}

}  // namespace ossia
