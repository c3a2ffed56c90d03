// From the specification of layers to the layers of a network.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "layers/parameters.h"
#include "network/network.h"
#include "spec/spec.h"

namespace aevb {

// What stands at the end of the layers so far.
struct StackEnd {
  std::size_t value = 0;
  std::size_t condition = 0;  // columns at the end of the value that belong to a condition
};

// Appends the layers to the network behind `begin`, and what stands between them: an image is flattened before a dense
// layer. Returns the value that the last layer makes. Tensors are named behind `name`, as "encoder.0.weight". Throws
// std::invalid_argument with the layer's place, its kind and what does not fit.
std::size_t add_stack(Network& network, ParameterTable& table, const std::string& name,
                      const std::vector<LayerSpec>& layers, StackEnd begin);

// The same value as one position, in PyTorch's order, or with the channels of a position side by side.
std::size_t add_flat(Network& network, ParameterTable& table, std::size_t value, bool positions_first = false);

// Whether the first of the layers reads images.
bool begins_with_image(const std::vector<LayerSpec>& layers);

}  // namespace aevb
