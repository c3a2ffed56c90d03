// One layer on a batch, as a network would use it: in tasks, forward and back, with values in PyTorch's order
// [rows, channels, positions].
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "layers/layer.h"
#include "layers/parameters.h"
#include "math/gemm.h"
#include "support.h"
#include "tensor/aligned.h"
#include "tensor/shape.h"

namespace aevb::test {

class LayerRun {
 public:
  // rows_per_task: of a task, of which each comes in blocks of `rows_per_block`.
  LayerRun(Layer& layer, const aevb::Shape& input, std::size_t rows, std::size_t rows_per_task,
           std::size_t rows_per_block = 0)
      : layer_(layer), input_shape_(input), output_shape_(layer.output_shape()), rows_(rows) {
    layer.declare(table_, "layer");
    parameters_ = AlignedFloats(table_.size());
    gradients_ = AlignedFloats(table_.size());
    derived_ = AlignedFloats(table_.derived_size());
    for (std::size_t first = 0; first < rows; first += rows_per_task) {
      const std::size_t end = std::min(rows, first + rows_per_task);
      const std::size_t block = rows_per_block == 0 ? rows_per_task : rows_per_block;
      for (std::size_t row = first; row < end; row += block) {
        blocks_.push_back({row, std::min(block, end - row), tasks_, row == first});
      }
      ++tasks_;
    }
    input_.out = matrix(input_shape_);
    input_.dout = matrix(input_shape_);
    output_.out = matrix(output_shape_);
    output_.dout = matrix(output_shape_);
    for (const std::size_t floats : layer.buffers({rows, tasks_, true})) {
      memory_.emplace_back(floats);
      buffers_.push_back(memory_.back().data());
    }
    pass_.parameters = parameters_.data();
    pass_.derived = derived_.data();
    pass_.input[0] = &input_;
    pass_.output = &output_;
    pass_.buffers = buffers_.data();
    pass_.training = true;
    pass_.tasks = tasks_;
  }

  LayerPass& pass() { return pass_; }

  void set(const std::string& name, const Vector& values) {
    const std::vector<float> floats(values.begin(), values.end());
    write_tensor(parameters_.data(), floats.data(), find(name));
    layer_.derive(derived_.data(), parameters_.data());
  }
  Vector tensor(const std::string& name) const { return read(name, parameters_); }
  std::size_t elements(const std::string& name) const { return find(name).elements(); }

  Vector forward(const Vector& x) {
    write(input_.out, input_shape_, x);
    couple(Direction::forward);
    for (const Rows& rows : blocks_) layer_.forward(pass_, rows);
    return read(output_.out, output_shape_);
  }
  // With what dinp held before, if the pass adds.
  Vector backward(const Vector& dout, const Vector& dinp = {}) {
    write(output_.dout, output_shape_, dout);
    if (!dinp.empty()) write(input_.dout, input_shape_, dinp);
    couple(Direction::backward);
    for (const Rows& rows : blocks_) layer_.backward(pass_, rows);
    for (std::size_t i = 0; i < layer_.tiles(); ++i) layer_.tile_gradient(gradients_.data(), pass_, i, rows_);
    return read(input_.dout, input_shape_);
  }
  Vector input_gradient() const { return read(input_.dout, input_shape_); }
  Vector gradient(const std::string& name) const { return read(name, gradients_); }
  // As after a step of an optimiser.
  void update() {
    for (std::size_t i = 0; i < layer_.tiles(); ++i) {
      layer_.tile_updated(derived_.data(), parameters_.data(), pass_, i);
    }
  }
  const AlignedFloats& derived() const { return derived_; }
  // Every float of the arena that no tile covers, or that several do.
  std::size_t floats_not_covered_once() const {
    std::vector<int> covered(table_.size(), 0);
    for (std::size_t i = 0; i < layer_.tiles(); ++i) {
      for (const Span& span : layer_.tile_spans(i)) {
        for (std::size_t j = span.offset; j < span.offset + span.size; ++j) ++covered[j];
      }
    }
    std::size_t wrong = 0;
    for (const ParameterInfo& info : table_.tensors()) {
      std::vector<float> values(info.elements(), 1.0f);
      AlignedFloats marks(table_.size());
      write_tensor(marks.data(), values.data(), info);
      for (std::size_t j = 0; j < marks.size(); ++j) wrong += marks.data()[j] == 1.0f && covered[j] != 1 ? 1 : 0;
    }
    return wrong;
  }

 private:
  void couple(Direction direction) {
    if (!layer_.couples_rows() || !pass_.training) return;
    for (const Rows& rows : blocks_) layer_.partial(pass_, rows, direction);
    layer_.finish(pass_, tasks_, rows_, direction);
  }
  Panels matrix(const aevb::Shape& shape) {
    memory_.emplace_back(value_floats(rows_, shape));
    return value_at(memory_.back().data(), rows_, shape);
  }
  template <typename Visit>
  void for_each(const aevb::Shape& shape, Visit visit) const {
    const std::size_t P = shape.positions();
    for (std::size_t r = 0; r < rows_; ++r) {
      for (std::size_t c = 0; c < shape.channels; ++c) {
        for (std::size_t p = 0; p < P; ++p) visit((r * shape.channels + c) * P + p, r * P + p, c);
      }
    }
  }
  void write(Panels to, const aevb::Shape& shape, const Vector& values) const {
    for_each(shape,
             [&](std::size_t i, std::size_t row, std::size_t col) { to.at(row, col) = static_cast<float>(values[i]); });
  }
  Vector read(Panels from, const aevb::Shape& shape) const {
    Vector values(rows_ * shape.elements());
    for_each(shape, [&](std::size_t i, std::size_t row, std::size_t col) {
      values[i] = static_cast<double>(from.at(row, col));
    });
    return values;
  }
  const ParameterInfo& find(const std::string& name) const {
    return *std::find_if(table_.tensors().begin(), table_.tensors().end(),
                         [&](const ParameterInfo& info) { return info.name == "layer." + name; });
  }
  Vector read(const std::string& name, const AlignedFloats& arena) const {
    std::vector<float> values(find(name).elements());
    read_tensor(values.data(), arena.data(), find(name));
    return {values.begin(), values.end()};
  }

  Layer& layer_;
  aevb::Shape input_shape_, output_shape_;
  std::size_t rows_, tasks_ = 0;
  std::vector<Rows> blocks_;
  ParameterTable table_;
  AlignedFloats parameters_, gradients_, derived_;
  std::vector<AlignedFloats> memory_;
  std::vector<float*> buffers_;
  ValueMemory input_, output_;
  LayerPass pass_;
};

}  // namespace aevb::test
