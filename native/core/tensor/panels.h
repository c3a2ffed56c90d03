// The one layout of every matrix in the core: column panels.
//
// A matrix of `rows` × `cols` is cut into panels of `width` columns, and each panel is stored row after row:
//
//   element (r, c)  =  data[(c / width) * stride + r * width + c % width],   stride ≥ rows * width
//
// A product writes a result that the next one reads without packing: a tile of rows × width is contiguous as a
// result, as a left operand and as a right operand, transposed or not. The backend sets the width. With the built-in
// product a panel is what one tile covers (48 columns with AVX-512), or less if all columns need less; with a CBLAS
// it is all columns. In either case a matrix whose width is not that of a tile is one panel. Columns beyond `cols`
// in the last panel are padding: zero in weights and in gradients, any finite value elsewhere.
#pragma once

#include <cstddef>

namespace aevb {

struct ConstPanels {
  const float* data = nullptr;
  std::size_t stride = 0;  // floats from one panel to the next
  std::size_t width = 0;   // columns in a panel

  // The same matrix from row `row` on.
  ConstPanels from_row(std::size_t row) const { return {data + row * width, stride, width}; }
  // The same matrix from panel `panel` on.
  ConstPanels from_panel(std::size_t panel) const { return {data + panel * stride, stride, width}; }
  float at(std::size_t row, std::size_t col) const { return data[(col / width) * stride + row * width + col % width]; }
};

struct Panels {
  float* data = nullptr;
  std::size_t stride = 0;
  std::size_t width = 0;

  operator ConstPanels() const { return {data, stride, width}; }
  Panels from_row(std::size_t row) const { return {data + row * width, stride, width}; }
  Panels from_panel(std::size_t panel) const { return {data + panel * stride, stride, width}; }
  float& at(std::size_t row, std::size_t col) const { return data[(col / width) * stride + row * width + col % width]; }
};

constexpr std::size_t panel_count(std::size_t cols, std::size_t width) { return (cols + width - 1) / width; }

}  // namespace aevb
