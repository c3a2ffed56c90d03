#include "network/memory.h"

#include "layers/parameters.h"

namespace aevb {

void NetworkMemory::carve(Carver& carver, const Network& network, const Choice& choice) {
  network_ = &network;
  const Capacity& capacity = choice.capacity;
  values_.resize(network.values().size());
  std::vector<bool> is_read(values_.size(), false);
  for (const Node& node : network.nodes()) {
    for (const std::size_t input : node.inputs) is_read[input] = true;
  }
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const Value& value = network.values()[i];
    ValueMemory& memory = values_[i];
    const std::size_t rows = capacity.rows * value.shape.positions(), cols = value.shape.channels;
    const auto matrix = [&] { return carver.panels(rows, cols, value_width(value.shape)); };
    memory.out = i == 0 ? choice.input : matrix();
    if (i == 0) {
      memory.dout = choice.dinput;
    } else if (capacity.gradients) {
      memory.dout = choice.outputs_in_place && !is_read[i] ? memory.out : matrix();
    }
    if (!value.notes_zeros) continue;
    carver.beside(ZerosTable::bytes(rows, cols, capacity.gradients));
    carver.elements(memory.found, capacity.tasks);
    if (!carver.counts()) memory.zeros = ZerosTable(rows, cols, capacity.gradients);
  }
  buffers_.resize(network.nodes().size());
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    buffers_[i].clear();
    for (const std::size_t floats : network.nodes()[i].layer->buffers(capacity)) {
      buffers_[i].push_back(carver.floats(floats));
    }
  }
}

LayerPass NetworkMemory::pass(const Setting& setting, std::size_t index) {
  const Node& node = network_->nodes()[index];
  LayerPass pass;
  pass.parameters = setting.parameters;
  pass.derived = setting.derived;
  pass.precision = setting.precision;
  pass.training = setting.training;
  pass.tasks = setting.tasks;
  pass.seed = setting.seed;
  pass.step = setting.step;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    pass.input[i] = &values_[node.inputs[i]];
    pass.adds[i] = node.adds[i];
  }
  pass.output = &values_[node.output];
  pass.buffers = buffers_[index].data();
  return pass;
}

void NetworkMemory::note_input(Rows rows) {
  ValueMemory& input = values_[0];
  if (!input.found.empty()) input.found[rows.task] = input.zeros.find(input.out, rows.first, rows.count);
}

void NetworkMemory::forward(const Setting& setting, std::size_t index, Rows rows) {
  const Node& node = network_->nodes()[index];
  node.layer->forward(pass(setting, index), rows);
  ValueMemory& output = values_[node.output];
  if (output.found.empty()) return;
  // Products in bfloat16 leave no zeros out.
  const bool noted = setting.precision == Precision::float32;
  output.found[rows.task] = noted ? output.zeros.find(output.out, rows.first, rows.count) : Zeros{};
}

void NetworkMemory::forward(const Setting& setting, Rows rows) {
  note_input(rows);
  for (std::size_t i = 0; i < network_->nodes().size(); ++i) forward(setting, i, rows);
}

void NetworkMemory::backward(const Setting& setting, std::size_t index, Rows rows) {
  network_->nodes()[index].layer->backward(pass(setting, index), rows);
}

void NetworkMemory::partial(const Setting& setting, std::size_t index, Rows rows, Direction direction) {
  network_->nodes()[index].layer->partial(pass(setting, index), rows, direction);
}

void NetworkMemory::finish(const Setting& setting, std::size_t index, std::size_t tasks, std::size_t rows,
                           Direction direction) {
  network_->nodes()[index].layer->finish(pass(setting, index), tasks, rows, direction);
}

}  // namespace aevb
