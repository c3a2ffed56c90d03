// A network as a list: values, and the layers that make them of each other, each after those that it reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layers/layer.h"
#include "layers/parameters.h"
#include "spec/spec.h"
#include "tensor/shape.h"

namespace aevb {

struct Value {
  Shape shape;
  bool has_gradient = true;  // not of data
  bool notes_zeros = false;  // whether products pay for knowing where it is zero
};

// A layer that another one computes in the same pass.
struct FusedLayer {
  std::string name;
  LayerType type;
  Shape input, output;
  double operations = 0.0;  // as Layer::operations
};

struct Node {
  std::unique_ptr<Layer> layer;
  std::vector<std::size_t> inputs;  // values
  std::size_t output = 0;           // value
  std::string name;                 // of its tensors
  std::vector<bool> adds;           // of each input: whether a node before it in the backward pass leaves a gradient
  std::vector<FusedLayer> fused;    // layers after it that it computes, too
};

class Network {
 public:
  Network() = default;
  // Value 0 is the input. part: of the model, 0 for the encoder and 1 for the decoder; dropout draws for each by
  // itself.
  Network(Shape input, bool input_has_gradient, std::uint32_t part = 0);

  // Appends a layer with its tensors, and returns the value that it makes.
  std::size_t add(ParameterTable& table, const std::string& name, std::unique_ptr<Layer> layer,
                  std::vector<std::size_t> inputs, std::vector<FusedLayer> fused = {});
  // After the last layer: works out the order of the backward pass and which values' zeros are noted.
  void complete();

  const std::vector<Value>& values() const { return values_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  // Nodes in the order of the backward pass: those further from the input first; of the same distance, as they were
  // added.
  const std::vector<std::size_t>& backward_order() const { return backward_order_; }

  // The place of a dropout layer that comes next (DropoutLayer). Throws std::invalid_argument if there is none left.
  std::uint32_t next_dropout_place() const;

  bool couples_rows() const;
  // The layer that asks for the most rows in a batch of training, and how many; none if one row is enough.
  struct LeastRows {
    std::size_t rows = 1;
    std::string name;
  };
  LeastRows least_rows() const;
  // Multiplications and additions for one row, forward.
  double operations() const;
  std::size_t tiles() const;

  void initialize(float* parameters, const ParameterTable& table, Initializer initializer, std::uint64_t seed) const;
  void derive(float* derived, const float* parameters) const;

 private:
  std::uint32_t part_ = 0;
  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<std::size_t> backward_order_;
};

}  // namespace aevb
