// The layout of the arena that holds all parameters of a model: the offset of each tensor, and the order of its
// elements.
//
// The optimiser and the products work in the same layout, so the arena holds matrices in panels. Files hold PyTorch's
// row-major layout; read_tensor and write_tensor convert. Arenas of gradients and moments have the same layout.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tensor/panels.h"
#include "tensor/shape.h"

namespace aevb {

enum class Layout {
  rowMajor,     // as in a file
  outputInput,  // [output, input] in a file, [input, output] in panels in the arena
  // The weight of a convolution with groups. A tap is an element of its kernel. In the arena the weight is [group, tap,
  // input, output], the outputs padded to whole cache lines; in a file:
  convolution,            // [group · output, input, tap]
  transposedConvolution,  // [group · input, output, tap]
  positions,              // [channel, positions] in a file, [positions, channel] in the arena, channels padded likewise
};

struct ParameterInfo {
  std::string name;                // PyTorch's state_dict names
  std::vector<std::size_t> shape;  // PyTorch's: weights [output, input]
  std::size_t arena_offset = 0;    // floats before it in the arena
  Layout layout = Layout::rowMajor;
  std::size_t groups = 1;  // groups of a convolution

  std::size_t elements() const;
};

// The list of a model's tensors, with the arena's size. Layers and others declare theirs in the order of the file.
class ParameterTable {
 public:
  // A matrix in panels, [input, output]; a padded vector; the weight of a convolution, or a tensor of
  // Layout::positions. Each returns the offset in the arena. Throws std::bad_alloc if the sizes are more than can be
  // counted.
  std::size_t add_matrix(std::string name, std::size_t input, std::size_t output);
  std::size_t add_vector(std::string name, std::size_t size);
  std::size_t add_convolution(std::string name, std::vector<std::size_t> shape, Layout layout, std::size_t groups);
  // Tensors that follow each other without gaps. Their names begin with `prefix`.
  struct Part {
    std::string name;
    std::vector<std::size_t> shape;
  };
  std::size_t add_parts(const std::string& prefix, const std::vector<Part>& parts);
  // Memory for a tensor that is derived from a parameter, in whole cache lines. Returns its offset in the derived
  // memory.
  std::size_t add_derived(std::size_t floats);

  const std::vector<ParameterInfo>& tensors() const { return tensors_; }
  std::size_t size() const { return size_; }
  std::size_t derived_size() const { return derived_size_; }

 private:
  std::vector<ParameterInfo> tensors_;
  std::size_t size_ = 0, derived_size_ = 0;
};

// Copy one tensor from an arena to a file's layout and back; `values` holds elements() floats.
void read_tensor(float* values, const float* arena, const ParameterInfo& info);
void write_tensor(float* arena, const float* values, const ParameterInfo& info);

// A matrix of `rows` × `cols` that begins at `data`, in panels as products read them.
Panels matrix_at(float* data, std::size_t rows, std::size_t cols);
ConstPanels matrix_at(const float* data, std::size_t rows, std::size_t cols);

// The width of the panels of a value. A value of one position has the width that products read. A position of an image
// with few channels takes as many floats as it has channels, rounded up to the next power of two.
std::size_t value_width(const Shape& shape);
// A value of `rows` rows that begins at `data`, and the number of its floats.
Panels value_at(float* data, std::size_t rows, const Shape& shape);
std::size_t value_floats(std::size_t rows, const Shape& shape);

// Floats of a matrix of `rows` × `cols` in panels, in whole cache lines. Throws std::bad_alloc if they are more than
// can be counted.
std::size_t matrix_floats(std::size_t rows, std::size_t cols);

}  // namespace aevb
