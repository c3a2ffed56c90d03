#include "layers/parameters.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <new>
#include <numeric>
#include <utility>

#include "math/gemm.h"
#include "math/panel_ops.h"
#include "tensor/aligned.h"

namespace aevb {

namespace {

// The sizes of one group of a convolution's weight.
struct Taps {
  explicit Taps(const ParameterInfo& info) {
    const bool transposed = info.layout == Layout::transposedConvolution;
    const bool positions = info.layout == Layout::positions;
    const std::size_t per_group = info.shape[0] / info.groups;
    inputs = transposed ? per_group : positions ? 1 : info.shape[1];
    outputs = transposed ? info.shape[1] : per_group;
    taps = std::accumulate(info.shape.begin() + (positions ? 1 : 2), info.shape.end(), std::size_t{1},
                           std::multiplies<>());
    pitch = cache_lines(outputs);
  }
  std::size_t inputs, outputs, taps, pitch;
};

// Calls visit(file_offset, tensor_offset) for every element: floats from the tensor's start in a file and in the arena.
template <typename Visit>
void for_each_tap(const ParameterInfo& info, Visit visit) {
  const Taps size(info);
  for (std::size_t g = 0; g < info.groups; ++g) {
    for (std::size_t t = 0; t < size.taps; ++t) {
      for (std::size_t i = 0; i < size.inputs; ++i) {
        const std::size_t tensor_offset = ((g * size.taps + t) * size.inputs + i) * size.pitch;
        for (std::size_t o = 0; o < size.outputs; ++o) {
          const std::size_t file_offset = info.layout != Layout::transposedConvolution
                                              ? ((g * size.outputs + o) * size.inputs + i) * size.taps + t
                                              : ((g * size.inputs + i) * size.outputs + o) * size.taps + t;
          visit(file_offset, tensor_offset + o);
        }
      }
    }
  }
}

}  // namespace

std::size_t ParameterInfo::elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

std::size_t matrix_floats(std::size_t rows, std::size_t cols) {
  const std::size_t width = matrix_width(cols);
  const std::size_t padded = panel_count(cols, width) * width;
  if (rows > std::numeric_limits<std::size_t>::max() / sizeof(float) / 4 / padded) throw std::bad_alloc();
  return cache_lines(rows * padded);
}

std::size_t value_width(const Shape& shape) {
  const std::size_t width = matrix_width(shape.channels);
  return shape.positions() == 1 ? width : std::min(width, std::bit_ceil(shape.channels));
}

std::size_t value_floats(std::size_t rows, const Shape& shape) {
  // Throws if the floats in panels of whole vectors are too many to count.
  const std::size_t most = matrix_floats(rows * shape.positions(), shape.channels);
  const std::size_t width = value_width(shape);
  return std::min(most, cache_lines(rows * shape.positions() * panel_count(shape.channels, width) * width));
}

Panels value_at(float* data, std::size_t rows, const Shape& shape) {
  const std::size_t width = value_width(shape);
  return {data, rows * shape.positions() * width, width};
}

Panels matrix_at(float* data, std::size_t rows, std::size_t cols) {
  const std::size_t width = matrix_width(cols);
  return {data, rows * width, width};
}

ConstPanels matrix_at(const float* data, std::size_t rows, std::size_t cols) {
  const std::size_t width = matrix_width(cols);
  return {data, rows * width, width};
}

std::size_t ParameterTable::add_matrix(std::string name, std::size_t input, std::size_t output) {
  const std::size_t offset = size_;
  size_ += matrix_floats(input, output);
  tensors_.push_back({std::move(name), {output, input}, offset, Layout::outputInput});
  return offset;
}

std::size_t ParameterTable::add_vector(std::string name, std::size_t size) {
  const std::size_t offset = size_, width = matrix_width(size);
  size_ += cache_lines(panel_count(size, width) * width);
  tensors_.push_back({std::move(name), {size}, offset, Layout::rowMajor});
  return offset;
}

std::size_t ParameterTable::add_convolution(std::string name, std::vector<std::size_t> shape, Layout layout,
                                            std::size_t groups) {
  const std::size_t offset = size_;
  tensors_.push_back({std::move(name), std::move(shape), offset, layout, groups});
  const Taps taps(tensors_.back());
  const std::size_t most = std::numeric_limits<std::size_t>::max() / sizeof(float) / 4;
  if (taps.inputs > most / taps.pitch / taps.taps / groups) throw std::bad_alloc();
  size_ += groups * taps.taps * taps.inputs * taps.pitch;
  return offset;
}

std::size_t ParameterTable::add_parts(const std::string& prefix, const std::vector<Part>& parts) {
  const std::size_t first_offset = size_;
  std::size_t offset = first_offset;
  for (const Part& part : parts) {
    tensors_.push_back({prefix + part.name, part.shape, offset, Layout::rowMajor});
    offset += tensors_.back().elements();
  }
  size_ += cache_lines(offset - first_offset);
  return first_offset;
}

std::size_t ParameterTable::add_derived(std::size_t floats) {
  const std::size_t offset = derived_size_;
  derived_size_ += cache_lines(floats);
  return offset;
}

void read_tensor(float* values, const float* arena, const ParameterInfo& info) {
  const float* from = arena + info.arena_offset;
  if (info.layout == Layout::rowMajor) {
    for (std::size_t i = 0; i < info.elements(); ++i) values[i] = from[i];
    return;
  }
  if (info.layout != Layout::outputInput) {
    return for_each_tap(
        info, [&](std::size_t file_offset, std::size_t tensor_offset) { values[file_offset] = from[tensor_offset]; });
  }
  const std::size_t out = info.shape[0], in = info.shape[1];
  transpose(Panels{values, in * out, in}, matrix_at(from, in, out), in, out);
}

void write_tensor(float* arena, const float* values, const ParameterInfo& info) {
  float* to = arena + info.arena_offset;
  if (info.layout == Layout::rowMajor) {
    for (std::size_t i = 0; i < info.elements(); ++i) to[i] = values[i];
    return;
  }
  if (info.layout != Layout::outputInput) {
    return for_each_tap(
        info, [&](std::size_t file_offset, std::size_t tensor_offset) { to[tensor_offset] = values[file_offset]; });
  }
  const std::size_t out = info.shape[0], in = info.shape[1];
  transpose(matrix_at(to, in, out), ConstPanels{values, in * out, in}, out, in);
}

}  // namespace aevb
