// Convolutions in one to three dimensions, as torch.nn.Conv1d to Conv3d and ConvTranspose1d to 3d define them, and
// convolutions of an image that is enlarged by repeating its positions (torch.nn.Upsample, nearest, before a Conv).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "layers/correlation.h"
#include "layers/layer.h"

namespace aevb {

class ConvolutionLayer final : public Layer {
 public:
  // spec: conv, convTranspose, or embedding, which is a product with each position's one-hot channels, without bias.
  // enlarge: the factors by which the input is enlarged before a conv (stride 1). input_gradient: whether the layer's
  // input has a gradient. Throws std::invalid_argument, with both shapes, if the window does not fit.
  ConvolutionLayer(const Shape& input, const LayerSpec& spec, const Extent& enlarge, bool input_gradient);

  Shape output_shape() const override { return output_; }
  LayerType type() const override {
    return embeds_ ? LayerType::embedding : transposed_ ? LayerType::convTranspose : LayerType::conv;
  }

  // weight [outputs, inputs / groups, kernel] (transposed: [inputs, outputs / groups, kernel]; embedding, as
  // torch.nn.Embedding has it: [codes, units]), bias [outputs].
  // Derived: the weights' transposes for the backward pass. After an enlargement, also the sums of weights that read
  // the same position. For Winograd's algorithm, the transformed weights, and their transposes for the backward pass.
  void declare(ParameterTable& table, const std::string& name) override;
  void initialize(float* parameters, const ParameterTable& table, Initializer initializer,
                  std::uint64_t seed) const override;
  void derive(float* derived, const float* parameters) const override;

  std::vector<std::size_t> buffers(const Capacity& capacity) const override;
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;

  // In the backward pass, each task sums the gradient of its rows. A tile is all taps of some input channels of a
  // group. The first tile also has the bias.
  std::size_t tiles() const override { return groups_ * group_tiles(); }
  void tile_gradient(float* gradients, const LayerPass& pass, std::size_t tile, std::size_t rows) const override;
  std::vector<Span> tile_spans(std::size_t tile) const override;
  void tile_updated(float* derived, float* parameters, const LayerPass& pass, std::size_t tile) const override;

  double operations() const override;

 private:
  ConvolutionLayer(const Shape& input, const LayerSpec& spec, const Extent& enlarge, bool input_gradient, bool embeds);

  struct Channels {
    std::size_t group, first, count;  // input channels of a group
  };
  std::size_t group_tiles() const;
  Channels channels_of(std::size_t tile) const;
  // Floats of a group's weight, and of its matrices for the backward pass.
  std::size_t group_weights() const { return taps_ * group_inputs_ * pitch_; }
  std::size_t group_back() const { return back_.matrices_floats(); }
  // Computes the part of the derived tensors that depends on the weights of these channels.
  void derive_channels(float* derived, const float* parameters, const Channels& channels) const;
  const float* matrices(const LayerPass& pass, std::size_t group) const;

  Shape input_, output_;
  bool embeds_, transposed_, has_bias_, input_gradient_, folds_, winograd_ = false;
  std::size_t groups_, group_inputs_, group_outputs_, taps_, pitch_;
  std::vector<std::size_t> kernel_shape_;
  Correlation way_, back_;                         // the forward and the backward pass of one group
  std::vector<std::vector<std::size_t>> sums_of_;  // for each tap: the matrices that it is a part of
  std::size_t weight_offset_ = 0, bias_offset_ = 0, prepared_offset_ = 0, back_offset_ = 0;
  std::size_t weight_tensor_ = 0;
};

}  // namespace aevb
