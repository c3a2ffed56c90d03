// A fully connected layer in a network, with its activation. Its values have one position.
#pragma once

#include <string>
#include <vector>

#include "layers/layer.h"

namespace aevb {

class DenseLayer final : public Layer {
 public:
  // input_gradient: whether the layer's input has a gradient; data have none.
  DenseLayer(std::size_t inputs, std::size_t units, Activation activation, bool input_gradient);

  Shape output_shape() const override { return {units_}; }
  LayerType type() const override { return LayerType::dense; }

  // weight [units, inputs], bias [units]; derived: the weight's transpose, if the backward pass reads it.
  void declare(ParameterTable& table, const std::string& name) override;
  void initialize(float* parameters, const ParameterTable& table, Initializer initializer,
                  std::uint64_t seed) const override;
  void derive(float* derived, const float* parameters) const override;

  std::vector<std::size_t> buffers(const Capacity& capacity) const override;
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;

  // A tile is some rows of the weight in one panel. The tile with the first rows also has that panel's bias.
  std::size_t tiles() const override;
  void tile_gradient(float* gradients, const LayerPass& pass, std::size_t tile, std::size_t rows) const override;
  std::vector<Span> tile_spans(std::size_t tile) const override;
  void tile_updated(float* derived, float* parameters, const LayerPass& pass, std::size_t tile) const override;

  double operations() const override;
  bool makes_zeros() const override { return activation_ == Activation::relu; }
  std::size_t products_of_input() const override { return units_; }

  std::size_t bias_offset() const { return bias_offset_; }

 private:
  struct Tile {
    std::size_t first_row, rows, panel, cols;
  };
  Tile tile_at(std::size_t tile) const;
  std::size_t tile_rows() const;
  // A layer that reads the data computes in float32: it skips the data's zeros, which saves more than a shorter format.
  Precision precision(const LayerPass& pass) const { return input_gradient_ ? pass.precision : Precision::float32; }
  // The activation's input, if its derivative needs that.
  Panels before_activation(const LayerPass& pass) const;

  std::size_t inputs_, units_;
  Activation activation_;
  bool input_gradient_;
  bool has_transposed_ = false;  // whether the backward pass reads the weight's transpose
  std::size_t weight_offset_ = 0, bias_offset_ = 0, transposed_offset_ = 0;
  std::size_t weight_tensor_ = 0;  // its index in the table; the bias comes next
};

}  // namespace aevb
