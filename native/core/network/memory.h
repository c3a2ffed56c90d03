// The memory of a pass through a network, and the passes of single layers.
#pragma once

#include <cstddef>
#include <vector>

#include "layers/layer.h"
#include "network/network.h"
#include "tensor/carver.h"
#include "tensor/shape.h"

namespace aevb {

class NetworkMemory {
 public:
  struct Choice {
    Capacity capacity;
    Panels input, dinput;           // value 0, which others have memory for
    bool outputs_in_place = false;  // the gradients of values that no layer reads take the place of these values
  };
  // Carves what the network needs. `network` must outlive this.
  void carve(Carver& carver, const Network& network, const Choice& choice);

  // What all layers are told: see LayerPass.
  struct Setting {
    const float* parameters = nullptr;
    const float* derived = nullptr;
    Precision precision = Precision::float32;
    bool training = false;
    std::size_t tasks = 1;
    std::uint64_t seed = 0;
    std::uint32_t step = 0;
  };

  // Node `index` forward for these rows, which are rows of this network.
  void forward(const Setting& setting, std::size_t index, Rows rows);
  // All of them, and what the input's zeros are before.
  void forward(const Setting& setting, Rows rows);
  // Before the first layer: notes where the input is zero.
  void note_input(Rows rows);
  // Node `index` back.
  void backward(const Setting& setting, std::size_t index, Rows rows);

  // For layers whose rows depend on each other: see Layer.
  void partial(const Setting& setting, std::size_t index, Rows rows, Direction direction);
  void finish(const Setting& setting, std::size_t index, std::size_t tasks, std::size_t rows, Direction direction);

  LayerPass pass(const Setting& setting, std::size_t index);

  const ValueMemory& value(std::size_t index) const { return values_[index]; }

 private:
  const Network* network_ = nullptr;
  std::vector<ValueMemory> values_;
  std::vector<std::vector<float*>> buffers_;  // of each node
};

}  // namespace aevb
