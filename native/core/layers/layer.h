// What a network asks of a layer. A layer knows shapes and where its tensors lie; the memory of a pass is given to it.
//
// All rows of a batch pass through a layer in tasks of some rows, several at a time on different threads. A layer whose
// rows depend on each other in training (batch normalisation) takes part in two stages with a barrier between: each
// task leaves what it knows in its own memory (`partial`), one thread sums that in the order of the tasks (`finish`),
// and then the tasks go on (`forward` or `backward`).
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

// The memory of one value: what a layer has put out, or the network's input.
struct ValueMemory {
  Panels out;                // [rows · positions, channels]
  Panels dout;               // the loss's gradient by out; without data if nobody wants it
  ZerosTable zeros;          // of out, if a product pays for knowing them
  std::vector<Zeros> found;  // the zeros of the rows that each task has last written
};

inline constexpr std::size_t MOST_INPUTS = 2;

// One layer's part of a pass through the network.
struct LayerPass {
  const float* parameters = nullptr;  // the arena
  const float* derived = nullptr;     // and what is derived from it (ParameterTable::add_derived); null if nothing is
  std::array<ValueMemory*, MOST_INPUTS> input{};
  std::array<bool, MOST_INPUTS> adds{};  // in the backward pass: whether another layer has already left a gradient
  ValueMemory* output = nullptr;
  float* const* buffers = nullptr;  // in the order of Layer::buffers
  Precision precision = Precision::float32;
  bool training = false;   // batch statistics and dropout; gradients of the parameters are wanted
  std::size_t tasks = 1;   // that the batch is cut into
  std::uint64_t seed = 0;  // of dropout, with the training step
  std::uint32_t step = 0;
};

// For how many rows a pass has memory, cut into how many tasks.
struct Capacity {
  std::size_t rows = 0, tasks = 1;
  bool gradients = false;  // the pass goes back, too
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

  // Adds the layer's tensors to the table, named behind `name`.
  virtual void declare(ParameterTable&, const std::string& /*name*/) {}
  // Their initial values, to the arena.
  virtual void initialize(float* /*parameters*/, const ParameterTable&, Initializer, std::uint64_t /*seed*/) const {}
  // What is derived from parameters, after any change of them.
  virtual void derive(float* /*derived*/, const float* /*parameters*/) const {}

  // --- a pass ---

  // Floats of each piece of memory, beside input and output, that the layer needs from one call to the next.
  virtual std::vector<std::size_t> buffers(const Capacity&) const { return {}; }
  // input → output of these rows.
  virtual void forward(const LayerPass&, Rows) const = 0;
  // output.dout → input.dout of these rows: overwrites, or adds if the pass says so. May use output.dout up.
  virtual void backward(const LayerPass&, Rows) const = 0;

  // --- rows that depend on each other ---

  virtual bool couples_rows() const { return false; }
  virtual void partial(const LayerPass&, Rows, Direction) const {}
  // tasks: how many have left a part. rows: of the batch.
  virtual void finish(const LayerPass&, std::size_t /*tasks*/, std::size_t /*rows*/, Direction) const {}

  // Rows that a batch of training has at least.
  virtual std::size_t least_rows() const { return 1; }

  // --- the gradient of the tensors, in tiles that do not depend on each other ---

  virtual std::size_t tiles() const { return 0; }
  // Over the first `rows` rows: overwrites the tile's spans of the arena of gradients.
  virtual void tile_gradient(float* /*gradients*/, const LayerPass&, std::size_t /*tile*/, std::size_t /*rows*/) const {
  }
  virtual std::vector<Span> tile_spans(std::size_t /*tile*/) const { return {}; }
  // After the tile's parameters have changed: brings what is derived from them up to date.
  virtual void tile_updated(float* /*derived*/, float* /*parameters*/, const LayerPass&, std::size_t /*tile*/) const {}

  // --- what it costs ---

  // Multiplications and additions for one row, forward.
  virtual double operations() const { return 0.0; }
  // Whether many of its outputs are zero.
  virtual bool makes_zeros() const { return false; }
  // Products that each input has a part in, of those that can leave zeros out.
  virtual std::size_t products_of_input() const { return 0; }
};

}  // namespace aevb
