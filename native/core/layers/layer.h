// The interface of a layer. A layer has shapes and the offsets of its tensors; the network provides the memory of a
// pass.
//
// All rows of a batch pass through a layer in tasks of some rows, several at a time on different threads. A layer whose
// rows depend on each other in training (batch normalisation) works in two stages with a barrier between them: each
// task writes its part of the sums to its own memory (`partial`), one thread adds these parts in the order of the tasks
// (`finish`), and then the tasks continue (`forward` or `backward`).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "layers/parameters.h"
#include "math/zeros.h"
#include "spec/names.h"
#include "spec/spec.h"
#include "tensor/panels.h"
#include "tensor/shape.h"

namespace aevb {

enum class Direction { forward, backward };

// The memory of one value: a layer's output, or the network's input.
struct ValueMemory {
  Panels out;                // [rows · positions, channels]
  Panels dout;               // the loss's gradient with respect to out; its data is null if it is not needed
  ZerosTable zeros;          // the zeros of out, if a product is faster with them
  std::vector<Zeros> found;  // the zeros of the rows that each task has last written
};

inline constexpr std::size_t MOST_INPUTS = 2;

// One layer's part of a pass through the network.
struct LayerPass {
  const float* parameters = nullptr;  // the arena
  const float* derived = nullptr;     // tensors derived from it (ParameterTable::add_derived); null if there are none
  std::array<ValueMemory*, MOST_INPUTS> input{};
  std::array<bool, MOST_INPUTS> adds{};  // backward pass: whether another layer has already written a gradient
  ValueMemory* output = nullptr;
  float* const* buffers = nullptr;  // in the order of Layer::buffers
  Precision precision = Precision::float32;
  bool training = false;   // batch statistics and dropout; gradients of the parameters are wanted
  std::size_t tasks = 1;   // tasks that the batch is cut into
  std::uint64_t seed = 0;  // the seed of dropout, used with the training step
  std::uint32_t step = 0;
};

// How many rows a pass has memory for, and into how many tasks they are cut.
struct Capacity {
  std::size_t rows = 0, tasks = 1;
  bool gradients = false;  // the memory includes the backward pass
};

// A piece of an arena that one task updates.
struct Span {
  std::size_t offset = 0, size = 0;
};

class Layer {
 public:
  virtual ~Layer() = default;

  virtual Shape output_shape() const = 0;
  virtual LayerType type() const = 0;

  // --- tensors ---

  // Adds the layer's tensors to the table. Their names begin with `name`.
  virtual void declare(ParameterTable&, const std::string& /*name*/) {}
  // Writes their initial values to the arena.
  virtual void initialize(float* /*parameters*/, const ParameterTable&, Initializer, std::uint64_t /*seed*/) const {}
  // Computes the derived tensors after a change of the parameters.
  virtual void derive(float* /*derived*/, const float* /*parameters*/) const {}

  // --- a pass ---

  // Floats of each buffer, besides input and output, that the layer needs from one call to the next.
  virtual std::vector<std::size_t> buffers(const Capacity&) const { return {}; }
  // input → output of these rows.
  virtual void forward(const LayerPass&, Rows) const = 0;
  // output.dout → input.dout of these rows: overwrites, or adds if the pass says so. May overwrite output.dout.
  virtual void backward(const LayerPass&, Rows) const = 0;

  // --- rows that depend on each other ---

  virtual bool couples_rows() const { return false; }
  virtual void partial(const LayerPass&, Rows, Direction) const {}
  // tasks: the number of tasks that have called `partial`. rows: the number of rows of the batch.
  virtual void finish(const LayerPass&, std::size_t /*tasks*/, std::size_t /*rows*/, Direction) const {}

  // The fewest rows that a training batch may have.
  virtual std::size_t least_rows() const { return 1; }

  // --- the gradient of the tensors, in tiles that do not depend on each other ---

  virtual std::size_t tiles() const { return 0; }
  // The gradient over the first `rows` rows: overwrites the tile's spans of the arena of gradients.
  virtual void tile_gradient(float* /*gradients*/, const LayerPass&, std::size_t /*tile*/, std::size_t /*rows*/) const {
  }
  virtual std::vector<Span> tile_spans(std::size_t /*tile*/) const { return {}; }
  // Called after the tile's parameters have changed: updates the tensors that depend on them.
  virtual void tile_updated(float* /*derived*/, float* /*parameters*/, const LayerPass&, std::size_t /*tile*/) const {}

  // --- cost ---

  // Multiplications and additions for one row, forward.
  virtual double operations() const { return 0.0; }
  // Whether many of its outputs are zero.
  virtual bool makes_zeros() const { return false; }
  // The number of products that each input is a factor of, counting only products that can skip zeros.
  virtual std::size_t products_of_input() const { return 0; }
};

}  // namespace aevb
