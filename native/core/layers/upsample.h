// Enlargement of images by whole factors, as torch.nn.Upsample: each position repeated, or interpolated linearly along
// each axis (align_corners false).
#pragma once

#include <vector>

#include "layers/layer.h"
#include "layers/mixing_kernels.h"

namespace aevb {

class UpsampleLayer final : public Layer {
 public:
  UpsampleLayer(const Shape& input, const LayerSpec& spec, bool input_gradient);

  Shape output_shape() const override { return output_; }
  LayerType type() const override { return LayerType::upsample; }
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;
  double operations() const override;

 private:
  Shape input_, output_;
  bool input_gradient_;
  std::size_t terms_ = 1;          // terms of each position of the output
  std::vector<MixingTerm> table_;  // [positions of the output, terms]
};

}  // namespace aevb
