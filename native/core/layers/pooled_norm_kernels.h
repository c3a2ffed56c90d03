// The kernels of batch normalisation followed by max pooling in windows of 2, for one image. x[positions, channels] is
// in panels; everything else has one number for each channel. The normalised image is never stored: the largest
// normalised number of a window comes from the largest x, or from the smallest x if the channel's scale is negative.
#pragma once

#include <cstddef>

#include "layers/pooling_kernels.h"
#include "tensor/panels.h"

namespace aevb {

// The normalisation of each channel: (x − mean) · scale + bias, or the larger of that and 0 if `relu`.
struct ChannelNormal {
  const float *mean, *scale, *bias;
  bool relu;
};

// out[windows, C] = the largest normalised number of each window, NaN if the window has one; chosen[windows, C] = the x
// that it comes from, unless chosen.data is null. Overwrites, and leaves zeros in the padding of out.
void normalize_pool(Panels out, Panels chosen, ConstPanels x, const ChannelNormal& normal, const PoolingPlan& plan);

// dy is dout at the first position of its window that holds the chosen x (0 everywhere if `relu` and the window's
// result is 0), and 0 elsewhere. dx = (dy − constant − (x − mean) · slope) · scale; overwrites, or adds with
// `accumulate`.
void normalize_pool_backward(Panels dx, ConstPanels dout, ConstPanels x, const ChannelNormal& normal,
                             const float* constant, const float* slope, const PoolingPlan& plan, bool accumulate);

}  // namespace aevb
