// Batch normalisation of channels (Ioffe and Szegedy 2015), as torch.nn.BatchNorm1d to 3d define it. Training uses
// the mean and variance of the batch's positions; other passes use the running ones. A ReLU and then a max pooling that
// follow it are computed in the same pass.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "layers/layer.h"
#include "layers/pooled_norm_kernels.h"
#include "layers/pooling_kernels.h"

namespace aevb {

// The layers after a batch normalisation that it computes in the same pass.
struct NormFusion {
  bool relu = false;
  std::optional<PoolingPlan> pool;  // after the ReLU; can_fuse_pool(pool)
};
// Whether the windows have size 2 along one, two or three axes and cover the image.
bool can_fuse_pool(const PoolingPlan& plan);

class BatchNormLayer final : public Layer {
 public:
  BatchNormLayer(const Shape& input, double momentum, double epsilon, const NormFusion& fusion, bool input_gradient);

  Shape output_shape() const override { return fusion_.pool ? fusion_.pool->output : shape_; }
  LayerType type() const override { return LayerType::batchNorm; }

  // weight, bias [C]; running_mean, running_var [C]. No optimiser changes the running statistics. Each step that is
  // taken updates them with its batch: new = (1 − momentum) · old + momentum · batch, with the variance's n − 1.
  void declare(ParameterTable& table, const std::string& name) override;
  void initialize(float* parameters, const ParameterTable& table, Initializer initializer,
                  std::uint64_t seed) const override;

  std::vector<std::size_t> buffers(const Capacity& capacity) const override;
  void forward(const LayerPass& pass, Rows rows) const override;
  void backward(const LayerPass& pass, Rows rows) const override;

  bool couples_rows() const override { return true; }
  // A single value has no variance.
  std::size_t least_rows() const override { return shape_.positions() > 1 ? 1 : 2; }
  void partial(const LayerPass& pass, Rows rows, Direction direction) const override;
  // Throws std::invalid_argument if a channel has a single value: it has no variance.
  void finish(const LayerPass& pass, std::size_t tasks, std::size_t rows, Direction direction) const override;

  std::size_t tiles() const override { return 1; }
  void tile_gradient(float* gradients, const LayerPass& pass, std::size_t tile, std::size_t rows) const override;
  std::vector<Span> tile_spans(std::size_t tile) const override;
  void tile_updated(float* derived, float* parameters, const LayerPass& pass, std::size_t tile) const override;

  double operations() const override { return 4.0 * static_cast<double>(shape_.elements()); }
  bool makes_zeros() const override { return fusion_.relu; }

 private:
  ChannelNormal normal(const LayerPass& pass, Rows rows) const;
  // A task's part: the number of values in each sum, and the sums.
  struct Part {
    double* count;
    double *shift, *first, *second;  // [C]
  };
  Part part(const LayerPass& pass, std::size_t task) const;
  std::size_t part_floats() const;
  // The x that each window of a pooling has chosen, for all rows of the pass; its data is null if x is not kept.
  Panels chosen(const LayerPass& pass) const;
  void finish_forward(const LayerPass& pass, std::size_t tasks) const;
  void finish_backward(const LayerPass& pass, std::size_t tasks) const;

  Shape shape_;
  double momentum_, epsilon_;
  NormFusion fusion_;
  bool input_gradient_;
  std::size_t channels_;  // padded to whole cache lines
  std::size_t weight_offset_ = 0, bias_offset_ = 0, mean_offset_ = 0, variance_offset_ = 0;
};

}  // namespace aevb
