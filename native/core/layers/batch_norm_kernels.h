// The kernels of batch normalisation. x[R, C] in panels; everything else has one number for each channel.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// sums[C] += Σ (x − shift), squares[C] += Σ (x − shift)² over R rows, in double over short sums of floats.
void add_moments(double* sums, double* squares, ConstPanels x, const float* shift, std::size_t R, std::size_t C);

// out = (x − mean) · scale + bias, or the larger of that and 0 if `relu`; overwrites, and leaves zeros in the padding.
void normalize(Panels out, ConstPanels x, const float* mean, const float* scale, const float* bias, bool relu,
               std::size_t R, std::size_t C);

// dy is dout. With `relu` it is dout if normalize's result is above 0, else 0.
// sums[C] += Σ dy, products[C] += Σ dy · (x − mean), in double over short sums of floats.
void add_gradient_moments(double* sums, double* products, ConstPanels dout, ConstPanels x, const float* mean,
                          const float* scale, const float* bias, bool relu, std::size_t R, std::size_t C);

// dx = (dy − constant − (x − mean) · slope) · scale; overwrites, or adds with `accumulate`; leaves zeros in the padding
// if it overwrites.
void normalize_backward(Panels dx, ConstPanels dout, ConstPanels x, const float* mean, const float* scale,
                        const float* bias, const float* constant, const float* slope, bool relu, bool accumulate,
                        std::size_t R, std::size_t C);

}  // namespace aevb
