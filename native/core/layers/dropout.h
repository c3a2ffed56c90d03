// Dropout (Srivastava et al. 2014), as torch.nn.Dropout, or as Dropout1d to 3d for whole channels. In training a number
// becomes 0 with probability `rate`, and is divided by 1 − rate otherwise. The mask depends only on the seed, the step,
// the row and the place, so the backward pass draws it again and it is not stored.
#pragma once

#include <cstdint>

#include "layers/layer.h"

namespace aevb {

class DropoutLayer final : public Layer {
 public:
  // The number of places that masks are drawn for. Each place has its own random numbers.
  static constexpr std::uint32_t PLACES = 256;
  // place: the layer's index among the dropout layers of the model, below PLACES.
  DropoutLayer(const Shape& shape, const LayerSpec& spec, std::uint32_t place, bool input_gradient);

  Shape output_shape() const override { return shape_; }
  LayerType type() const override { return LayerType::dropout; }
  std::vector<std::size_t> buffers(const Capacity& capacity) const override;
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;
  double operations() const override { return static_cast<double>(shape_.elements()); }

 private:
  // The factor of each element of the row: [positions or 1, channels in whole cache lines].
  float* factors(const LayerPass& pass, std::size_t row, std::size_t task) const;

  Shape shape_;
  double rate_;
  bool whole_channels_, input_gradient_;
  std::uint32_t place_;
  std::size_t pitch_;
};

}  // namespace aevb
