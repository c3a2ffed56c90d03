// Conversions between the order of values in this package, with the channels of a position next to each other, and
// PyTorch's order, in which element (channel, position) of a row is number channel · positions + position.
#pragma once

#include "layers/layer.h"

namespace aevb {

class FlattenLayer final : public Layer {
 public:
  // positions_first: element (channel, position) of a row is number position · channels + channel.
  FlattenLayer(const Shape& input, bool positions_first, bool input_gradient)
      : input_(input), positions_first_(positions_first), input_gradient_(input_gradient) {}

  Shape output_shape() const override { return {input_.elements()}; }
  LayerType type() const override { return LayerType::flatten; }
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;

 private:
  Shape input_;
  bool positions_first_, input_gradient_;
};

class ReshapeLayer final : public Layer {
 public:
  // From one position to `output`. The columns of the input after output's elements are the `condition` columns. Each
  // becomes an additional channel with the same number at all positions. Throws std::invalid_argument, with both
  // shapes, if the input has another number of elements.
  ReshapeLayer(const Shape& input, const Shape& output, std::size_t condition, std::size_t dimensions,
               bool positions_first, bool input_gradient);

  Shape output_shape() const override { return output_; }
  LayerType type() const override { return LayerType::reshape; }
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;

 private:
  Shape output_;
  std::size_t image_channels_;
  bool positions_first_, input_gradient_;
};

}  // namespace aevb
