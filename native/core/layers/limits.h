// Size limits of a layer. They are checked before its tables are made, because a table has an entry for each position
// or kernel element.
#pragma once

#include <cstddef>
#include <stdexcept>

#include "layers/shape_text.h"
#include "spec/spec.h"
#include "tensor/shape.h"

namespace aevb {

inline constexpr double MOST_POSITIONS = 0x1p24;
inline constexpr double MOST_ELEMENTS = 0x1p31;

// Throws std::invalid_argument if a row of that shape has more than 2^24 positions or 2^31 numbers.
inline void check_size(const Shape& shape, std::size_t dimensions) {
  const double positions =
      static_cast<double>(shape.depth) * static_cast<double>(shape.height) * static_cast<double>(shape.width);
  if (positions > MOST_POSITIONS) {
    throw std::invalid_argument("it makes " + shape_text(shape, dimensions) + ", more than 2^24 positions");
  }
  if (positions * static_cast<double>(shape.channels) > MOST_ELEMENTS) {
    throw std::invalid_argument("it makes " + shape_text(shape, dimensions) + ", more than 2^31 numbers");
  }
}

// Throws std::invalid_argument if a window has more than 2^24 elements.
inline void check_size(const Extent& kernel, std::size_t dimensions) {
  const double elements =
      static_cast<double>(kernel.depth) * static_cast<double>(kernel.height) * static_cast<double>(kernel.width);
  if (elements > MOST_POSITIONS) {
    throw std::invalid_argument("a window of " + extent_text(kernel, dimensions) + " has more than 2^24 elements");
  }
}

}  // namespace aevb
