// The kernels of pooling layers, for one image: x[positions, channels] in panels.
#pragma once

#include <cstddef>

#include "spec/spec.h"
#include "tensor/panels.h"
#include "tensor/shape.h"

namespace aevb {

// Windows of an image: the positions that each position of the output reads. `covers`: each position of the image is
// in exactly one window.
struct PoolingPlan {
  Shape input, output;
  Extent kernel, stride, dilation, before;
  bool covers;
  float average_factor;  // 1 / elements of the kernel
};

// out = the largest number of each window; NaN if the window has one. Overwrites.
void max_pool(Panels out, ConstPanels x, const PoolingPlan& plan);
// dx gets dout at the first position of the window that holds its largest number; overwrites, or adds with
// `accumulate`.
void max_pool_backward(Panels dx, ConstPanels dout, ConstPanels x, ConstPanels out, const PoolingPlan& plan,
                       bool accumulate);
// out = the sum of each window, times average_factor; positions beyond the edges count as 0. Overwrites.
void average_pool(Panels out, ConstPanels x, const PoolingPlan& plan);
void average_pool_backward(Panels dx, ConstPanels dout, const PoolingPlan& plan, bool accumulate);

}  // namespace aevb
