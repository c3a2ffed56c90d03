// Shapes as text for error messages.
#pragma once

#include <cstddef>
#include <string>

#include "spec/spec.h"
#include "tensor/shape.h"

namespace aevb {

// "3 x 3", without the dimensions that the data lack.
inline std::string extent_text(const Extent& extent, std::size_t dimensions) {
  std::string text;
  if (dimensions > 2) text.append(std::to_string(extent.depth)).append(" x ");
  if (dimensions > 1) text.append(std::to_string(extent.height)).append(" x ");
  return text.append(std::to_string(extent.width));
}

// "[16, 8, 8]": channels, then the spatial sizes.
inline std::string shape_text(const Shape& shape, std::size_t dimensions) {
  std::string text("[");
  text += std::to_string(shape.channels);
  if (dimensions > 2) text.append(", ").append(std::to_string(shape.depth));
  if (dimensions > 1) text.append(", ").append(std::to_string(shape.height));
  if (dimensions > 0) text.append(", ").append(std::to_string(shape.width));
  return text.append("]");
}

}  // namespace aevb
