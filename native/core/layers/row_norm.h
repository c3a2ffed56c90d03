// Normalisation of each row by itself: layer normalisation (Ba et al. 2016) over all of a row, with a weight and a bias
// for each element, as torch.nn.LayerNorm of the row's shape; and group normalisation (Wu and He 2018) over groups of
// channels, with a weight and a bias for each channel, as torch.nn.GroupNorm.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "layers/layer.h"

namespace aevb {

class RowNormLayer final : public Layer {
 public:
  // spec: layerNorm or groupNorm. Throws std::invalid_argument if the groups do not divide the channels.
  RowNormLayer(const Shape& input, const LayerSpec& spec, bool input_gradient);

  Shape output_shape() const override { return shape_; }
  LayerType type() const override { return elementwise_ ? LayerType::layerNorm : LayerType::groupNorm; }

  // weight, bias: [C, positions of each dimension], or [C].
  void declare(ParameterTable& table, const std::string& name) override;
  void initialize(float* parameters, const ParameterTable& table, Initializer initializer,
                  std::uint64_t seed) const override;

  std::vector<std::size_t> buffers(const Capacity& capacity) const override;
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;

  std::size_t tiles() const override { return 1; }
  void tile_gradient(float* gradients, const LayerPass& pass, std::size_t tile, std::size_t rows) const override;
  std::vector<Span> tile_spans(std::size_t tile) const override;

  double operations() const override { return 8.0 * static_cast<double>(shape_.elements()); }

 private:
  // Mean and 1/σ of a row's groups, for each channel: two vectors of channels.
  void statistics(float* mean, float* inverse, double* sums, ConstPanels x) const;
  std::size_t affine_floats() const { return (elementwise_ ? shape_.positions() : 1) * pitch_; }
  // A task's sums of the gradient over its rows: a float for each element of a row, or a double for each channel.
  std::size_t gradient_floats() const { return elementwise_ ? 2 * affine_floats() : 4 * pitch_; }
  std::size_t step() const { return elementwise_ ? pitch_ : 0; }

  Shape shape_;
  std::size_t dimensions_, groups_, pitch_;
  double epsilon_;
  bool elementwise_, input_gradient_;
  std::size_t weight_offset_ = 0, bias_offset_ = 0;
};

}  // namespace aevb
