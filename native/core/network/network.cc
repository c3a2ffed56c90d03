#include "network/network.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "layers/dropout.h"

namespace aevb {

namespace {

// Products behind a value from which on leaving its zeros out saves more than finding them takes.
constexpr std::size_t PRODUCTS_WORTH_ZEROS = 64;

// Dropout layers of one network; an encoder's and a decoder's places differ.
constexpr std::ptrdiff_t DROPOUT_LAYERS = DropoutLayer::PLACES / 2;

}  // namespace

Network::Network(Shape input, bool input_has_gradient, std::uint32_t part) : part_(part) {
  values_.push_back({input, input_has_gradient, false});
}

std::uint32_t Network::next_dropout_place() const {
  const auto before = std::count_if(nodes_.begin(), nodes_.end(),
                                    [](const Node& node) { return node.layer->type() == LayerType::dropout; });
  if (before >= DROPOUT_LAYERS) {
    throw std::invalid_argument("more than " + std::to_string(DROPOUT_LAYERS) + " dropout layers");
  }
  return part_ * static_cast<std::uint32_t>(DROPOUT_LAYERS) + static_cast<std::uint32_t>(before);
}

std::size_t Network::add(ParameterTable& table, const std::string& name, std::unique_ptr<Layer> layer,
                         std::vector<std::size_t> inputs, std::vector<FusedLayer> fused) {
  layer->declare(table, name);
  values_.push_back({layer->output_shape(), true, false});
  nodes_.push_back({std::move(layer), std::move(inputs), values_.size() - 1, name, {}, std::move(fused)});
  return values_.size() - 1;
}

void Network::complete() {
  std::vector<std::size_t> distance(values_.size(), 0), products(values_.size(), 0);
  for (Node& node : nodes_) {
    for (const std::size_t input : node.inputs) {
      distance[node.output] = std::max(distance[node.output], distance[input] + 1);
      products[input] += node.layer->products_of_input();
    }
  }
  // The data are looked at for any product, because nothing else could tell how many of them are zero.
  if (!values_[0].has_gradient) values_[0].notes_zeros = products[0] > 0;
  for (const Node& node : nodes_) {
    values_[node.output].notes_zeros = node.layer->makes_zeros() && products[node.output] >= PRODUCTS_WORTH_ZEROS;
  }
  backward_order_.resize(nodes_.size());
  std::iota(backward_order_.begin(), backward_order_.end(), std::size_t{0});
  std::stable_sort(backward_order_.begin(), backward_order_.end(), [&](std::size_t a, std::size_t b) {
    return distance[nodes_[a].output] > distance[nodes_[b].output];
  });
  std::vector<bool> written(values_.size(), false);
  for (const std::size_t index : backward_order_) {
    Node& node = nodes_[index];
    node.adds.clear();
    for (const std::size_t input : node.inputs) {
      node.adds.push_back(written[input]);
      written[input] = true;
    }
  }
}

bool Network::couples_rows() const {
  return std::any_of(nodes_.begin(), nodes_.end(), [](const Node& node) { return node.layer->couples_rows(); });
}

Network::LeastRows Network::least_rows() const {
  LeastRows least;
  for (const Node& node : nodes_) {
    if (node.layer->least_rows() > least.rows) {
      least = {node.layer->least_rows(), node.name + " (" + std::string(name_of(node.layer->type())) + ")"};
    }
  }
  return least;
}

double Network::operations() const {
  double sum = 0.0;
  for (const Node& node : nodes_) {
    sum += node.layer->operations();
    for (const FusedLayer& fused : node.fused) sum += fused.operations;
  }
  return sum;
}

std::size_t Network::tiles() const {
  std::size_t sum = 0;
  for (const Node& node : nodes_) sum += node.layer->tiles();
  return sum;
}

void Network::initialize(float* parameters, const ParameterTable& table, Initializer initializer,
                         std::uint64_t seed) const {
  for (const Node& node : nodes_) node.layer->initialize(parameters, table, initializer, seed);
}

void Network::derive(float* derived, const float* parameters) const {
  for (const Node& node : nodes_) node.layer->derive(derived, parameters);
}

}  // namespace aevb
