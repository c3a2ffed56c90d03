#include "layers/dense_layer.h"

#include <algorithm>
#include <stdexcept>

#include "layers/activation.h"
#include "layers/dense.h"
#include "layers/initializer.h"
#include "math/gemm.h"
#include "math/panel_ops.h"
#include "tensor/aligned.h"

namespace aevb {

namespace {

// Rows of a weight in one tile if panels are as wide as the matrix (CBLAS). With narrow panels a tile is one panel of
// the layer's input.
constexpr std::size_t WIDE_TILE_ROWS = 128;

}  // namespace

DenseLayer::DenseLayer(std::size_t inputs, std::size_t units, Activation activation, bool input_gradient)
    : inputs_(inputs), units_(units), activation_(activation), input_gradient_(input_gradient) {
  if (inputs == 0 || units == 0) throw std::invalid_argument("units must be at least 1");
}

void DenseLayer::declare(ParameterTable& table, const std::string& name) {
  weight_tensor_ = table.tensors().size();
  weight_offset_ = table.add_matrix(name + ".weight", inputs_, units_);
  bias_offset_ = table.add_vector(name + ".bias", units_);
  has_transposed_ = input_gradient_ && wants_transposed_copy();
  if (has_transposed_) transposed_offset_ = table.add_derived(matrix_floats(units_, inputs_));
}

void DenseLayer::initialize(float* parameters, const ParameterTable& table, Initializer initializer,
                            std::uint64_t seed) const {
  std::vector<float> weight(inputs_ * units_), bias(units_);
  initialize_weight(weight.data(), weight.size(), bias.data(), bias.size(), {inputs_, units_}, initializer, seed,
                    static_cast<std::uint32_t>(weight_tensor_));
  write_tensor(parameters, weight.data(), table.tensors()[weight_tensor_]);
  write_tensor(parameters, bias.data(), table.tensors()[weight_tensor_ + 1]);
}

void DenseLayer::derive(float* derived, const float* parameters) const {
  if (!has_transposed_) return;
  transpose(matrix_at(derived + transposed_offset_, units_, inputs_),
            matrix_at(parameters + weight_offset_, inputs_, units_), inputs_, units_);
}

std::vector<std::size_t> DenseLayer::buffers(const Capacity& capacity) const {
  if (!capacity.gradients || !activation_reads_input(activation_)) return {};
  const std::size_t width = matrix_width(units_);
  return {panel_count(units_, width) * width * capacity.rows};
}

Panels DenseLayer::before_activation(const LayerPass& pass) const {
  if (pass.output->dout.data == nullptr || !activation_reads_input(activation_)) return {};
  const Panels& out = pass.output->out;
  return {pass.buffers[0], out.stride, out.width};
}

void DenseLayer::forward(const LayerPass& pass, Rows rows) const {
  ValueMemory& output = *pass.output;
  const ValueMemory& input = *pass.input[0];
  Panels before = before_activation(pass);
  if (before.data != nullptr) before = before.from_row(rows.first);
  const Zeros zeros = input.found.empty() ? Zeros{} : input.found[rows.task];
  dense_forward(output.out.from_row(rows.first), before, input.out.from_row(rows.first),
                matrix_at(pass.parameters + weight_offset_, inputs_, units_), pass.parameters + bias_offset_,
                rows.count, inputs_, units_, activation_, zeros, precision(pass));
}

void DenseLayer::backward(const LayerPass& pass, Rows rows) const {
  const Panels dout = pass.output->dout.from_row(rows.first);
  if (activation_ != Activation::identity) {
    const Panels value = activation_reads_input(activation_) ? before_activation(pass) : pass.output->out;
    activation_backward(dout, dout, value.from_row(rows.first), rows.count, units_, activation_);
  }
  if (!input_gradient_) return;
  const ConstPanels transposed =
      has_transposed_ ? matrix_at(pass.derived + transposed_offset_, units_, inputs_) : ConstPanels{};
  dense_backward_input(pass.input[0]->dout.from_row(rows.first), dout,
                       matrix_at(pass.parameters + weight_offset_, inputs_, units_), transposed, rows.count, inputs_,
                       units_, pass.adds[0], precision(pass));
}

std::size_t DenseLayer::tile_rows() const {
  return active_gemm() == Gemm::builtin ? matrix_width(inputs_) : WIDE_TILE_ROWS;
}

std::size_t DenseLayer::tiles() const {
  const std::size_t step = tile_rows();
  return (inputs_ + step - 1) / step * panel_count(units_, matrix_width(units_));
}

DenseLayer::Tile DenseLayer::tile_at(std::size_t tile) const {
  const std::size_t step = tile_rows(), width = matrix_width(units_), panels = panel_count(units_, width);
  const std::size_t first = tile / panels * step, panel = tile % panels;
  return {first, std::min(step, inputs_ - first), panel, std::min(width, units_ - panel * width)};
}

void DenseLayer::tile_gradient(float* gradients, const LayerPass& pass, std::size_t tile, std::size_t rows) const {
  const auto [first_row, count, panel, cols] = tile_at(tile);
  const Panels dweight = matrix_at(gradients + weight_offset_, inputs_, units_).from_panel(panel).from_row(first_row);
  const ValueMemory& input = *pass.input[0];
  ConstPanels inp = input.out;
  const std::size_t width = inp.width;
  const Zeros zeros = input.zeros.of_columns(rows).from_panel(first_row / width, width);
  inp = inp.from_panel(first_row / width);
  inp.data += first_row % width;
  const ConstPanels dout = ConstPanels(pass.output->dout).from_panel(panel);
  dense_backward_weight(dweight, inp, dout, rows, count, cols, zeros, precision(pass));
  if (first_row == 0) dense_backward_bias(gradients + bias_offset_ + panel * dout.width, dout, rows, cols);
}

std::vector<Span> DenseLayer::tile_spans(std::size_t tile) const {
  const auto [first_row, count, panel, cols] = tile_at(tile);
  const std::size_t width = matrix_width(units_);
  const Span weight{weight_offset_ + (panel * inputs_ + first_row) * width, count * width};
  if (first_row > 0) return {weight};
  return {weight, Span{bias_offset_ + panel * width, width}};
}

void DenseLayer::tile_updated(float* derived, float* parameters, const LayerPass&, std::size_t tile) const {
  if (!has_transposed_) return;
  const auto [first_row, count, panel, cols] = tile_at(tile);
  const Panels to = matrix_at(derived + transposed_offset_, units_, inputs_);
  const ConstPanels from = matrix_at(static_cast<const float*>(parameters) + weight_offset_, inputs_, units_);
  transpose(to.from_panel(first_row / to.width).from_row(panel * from.width),
            from.from_panel(panel).from_row(first_row), count, cols);
}

double DenseLayer::operations() const { return 2.0 * static_cast<double>(inputs_) * static_cast<double>(units_); }

}  // namespace aevb
