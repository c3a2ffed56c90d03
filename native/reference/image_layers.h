// Layers of images in their plainest form: double, and images as PyTorch lays them out, [rows, channels, depth, height,
// width].
#pragma once

#include <cstddef>

#include "reference/layers.h"
#include "spec/spec.h"
#include "tensor/shape.h"

namespace aevb::reference {

// torch.nn.functional.max_pool1d to 3d and avg_pool1d to 3d (zeros beyond the edges count).
Vector pool(const Vector& x, std::size_t rows, const Shape& input, const Shape& output, const LayerSpec& spec);

// torch.nn.functional.interpolate, nearest or linear (align_corners false), by whole factors.
Vector upsample(const Vector& x, std::size_t rows, const Shape& input, const LayerSpec& spec);

// torch.nn.functional.batch_norm in training: over rows and positions. The statistics of the batch, if asked for.
struct ChannelMoments {
  Vector mean, unbiased_variance;
};
Vector batch_norm(const Vector& x, std::size_t rows, const Shape& shape, const Vector& weight, const Vector& bias,
                  double epsilon, ChannelMoments* moments = nullptr);
// The same with given statistics.
Vector batch_norm_with(const Vector& x, std::size_t rows, const Shape& shape, const Vector& weight, const Vector& bias,
                       const Vector& mean, const Vector& variance, double epsilon);

// torch.nn.functional.group_norm; with one group and a weight for each element, layer_norm.
Vector row_norm(const Vector& x, std::size_t rows, const Shape& shape, std::size_t groups, const Vector& weight,
                const Vector& bias, double epsilon);

}  // namespace aevb::reference
