// The sum of two values of the same shape, at the end of a residual block (He et al. 2016).
#pragma once

#include "layers/layer.h"

namespace aevb {

class AddLayer final : public Layer {
 public:
  explicit AddLayer(const Shape& shape) : shape_(shape) {}

  Shape output_shape() const override { return shape_; }
  LayerType type() const override { return LayerType::residual; }
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;
  double operations() const override { return static_cast<double>(shape_.elements()); }

 private:
  Shape shape_;
};

}  // namespace aevb
