// The kernels that normalisation within a row uses besides those of batch normalisation. A weight and a bias belong to
// a channel, or to a channel at a position. x[R, C] in panels; the weights of the next row are `step` floats further.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// x = x · weight + bias; in place.
void scale_and_shift(Panels x, const float* weight, const float* bias, std::size_t step, std::size_t R, std::size_t C);

// out = dout · weight; overwrites, and leaves zeros in the padding.
void scale_elements(Panels out, ConstPanels dout, const float* weight, std::size_t step, std::size_t R, std::size_t C);

// dbias += dout, dweight += dout · (x − mean) · scale, for each row, or for all rows together if step is 0.
void add_affine_gradient(float* dweight, float* dbias, ConstPanels dout, ConstPanels x, const float* mean,
                         const float* scale, std::size_t step, std::size_t R, std::size_t C);

}  // namespace aevb
