// Pooling: the largest number or the average of windows, as torch.nn.MaxPool1d to 3d and AvgPool1d to 3d (zeros beyond
// the edges count) define them.
#pragma once

#include "layers/layer.h"
#include "layers/pooling_kernels.h"

namespace aevb {

// Throws std::invalid_argument, with both shapes, if the window does not fit.
PoolingPlan pooling_plan(const Shape& input, const LayerSpec& spec);
// The count of numbers that are read for one row.
double pooling_operations(const PoolingPlan& plan);

class PoolingLayer final : public Layer {
 public:
  // spec: maxPool or avgPool. Throws like pooling_plan.
  PoolingLayer(const Shape& input, const LayerSpec& spec, bool input_gradient);

  Shape output_shape() const override { return plan_.output; }
  LayerType type() const override { return maximum_ ? LayerType::maxPool : LayerType::avgPool; }
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;
  double operations() const override { return pooling_operations(plan_); }

 private:
  bool maximum_, input_gradient_;
  PoolingPlan plan_{};
};

}  // namespace aevb
