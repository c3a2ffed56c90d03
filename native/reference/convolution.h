// Convolutions in their plainest form: double, and images as PyTorch lays them out, [rows, channels, depth, height,
// width].
#pragma once

#include <cstddef>

#include "reference/layers.h"
#include "spec/spec.h"
#include "tensor/shape.h"

namespace aevb::reference {

// An image, each of whose positions is repeated `factor` times along each axis.
Vector repeat_positions(const Vector& x, std::size_t rows, const Shape& shape, const Extent& factor);

// torch.nn.functional.conv1d to conv3d. weight [outputs, inputs / groups, kernel], bias [outputs] or empty.
Vector convolve(const Vector& x, const Vector& weight, const Vector& bias, std::size_t rows, const Shape& input,
                const Shape& output, const LayerSpec& spec);

// torch.nn.functional.conv_transpose1d to 3d. weight [inputs, outputs / groups, kernel].
Vector convolve_transposed(const Vector& x, const Vector& weight, const Vector& bias, std::size_t rows,
                           const Shape& input, const Shape& output, const LayerSpec& spec);

}  // namespace aevb::reference
