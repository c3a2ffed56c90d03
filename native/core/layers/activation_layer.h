// A layer that applies an elementwise activation.
#pragma once

#include "layers/layer.h"

namespace aevb {

class ActivationLayer final : public Layer {
 public:
  ActivationLayer(const Shape& shape, Activation activation, bool input_gradient)
      : shape_(shape), activation_(activation), input_gradient_(input_gradient) {}

  Shape output_shape() const override { return shape_; }
  LayerType type() const override { return LayerType::activation; }
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;
  double operations() const override { return static_cast<double>(shape_.elements()); }
  bool makes_zeros() const override { return activation_ == Activation::relu; }

 private:
  Shape shape_;
  Activation activation_;
  bool input_gradient_;
};

}  // namespace aevb
