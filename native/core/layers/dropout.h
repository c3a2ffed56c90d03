// Dropout (Srivastava et al. 2014), as torch.nn.Dropout, or Dropout1d to 3d of whole channels: in training a number is
// 0 with a probability and else divided by what is left of 1. The mask follows from the step, the row and the place, so
// it is drawn again on the way back and kept nowhere.
#pragma once

#include <cstdint>

#include "layers/layer.h"

namespace aevb {

class DropoutLayer final : public Layer {
 public:
  // Places that masks are drawn for, each with numbers of its own.
  static constexpr std::uint32_t PLACES = 256;
  // place: of the layer among the dropout layers of the model, below PLACES.
  DropoutLayer(const Shape& shape, const LayerSpec& spec, std::uint32_t place, bool input_gradient);

  Shape output_shape() const override { return shape_; }
  LayerType type() const override { return LayerType::dropout; }
  std::vector<std::size_t> buffers(const Capacity& capacity) const override;
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;
  double operations() const override { return static_cast<double>(shape_.elements()); }

 private:
  // What each element of the row is multiplied with: [positions or 1, channels in whole cache lines].
  float* factors(const LayerPass& pass, std::size_t row, std::size_t task) const;

  Shape shape_;
  double rate_;
  bool whole_channels_, input_gradient_;
  std::uint32_t place_;
  std::size_t pitch_;
};

}  // namespace aevb
