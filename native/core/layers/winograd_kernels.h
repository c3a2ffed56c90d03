// The kernels of winograd.h. C input channels, K output channels; pieces [first, first + count) of some images, at most
// WINOGRAD_PIECES, are numbered row after row, image after image. `values` and `sums` hold 16 matrices each,
// winograd_stride floats apart.
#pragma once

#include <cstddef>

#include "layers/winograd.h"
#include "tensor/panels.h"

namespace aevb {

// transformed[16, C, K] = G g Gᵀ for input channels [i, i + channels) of weight[3 · 3, C, K], turned if the plan says
// so.
void winograd_weights(float* transformed, const float* weight, const WinogradPlan& plan, std::size_t i,
                      std::size_t channels);
// The same for the backward pass, which reads K and writes C channels and turns the kernel the other way:
// back[16, K, C], from transformed[16, C, K].
void winograd_weights_back(float* back, const float* transformed, const WinogradPlan& plan, std::size_t i,
                           std::size_t channels);

// values[16][count, C] = Bᵀ d B of pieces d of the padded images.
void winograd_values(float* values, const float* padded, const WinogradPlan& plan, std::size_t first,
                     std::size_t count);
// sums[16][count, K] = values · transformed.
void winograd_products(float* sums, const float* values, const float* transformed, const WinogradPlan& plan,
                       std::size_t count);
// out[images · positions, K] = bias + Aᵀ m A of the sums m; overwrites, or adds without the bias if `accumulate`.
// bias null: 0.
void winograd_output(Panels out, const float* sums, const float* bias, const WinogradPlan& plan, std::size_t first,
                     std::size_t count, bool accumulate);

// sums[16][count, K] = A dy Aᵀ of pieces dy of 2 × 2 of dout[images · positions, K].
void winograd_output_gradient(float* sums, ConstPanels dout, const WinogradPlan& plan, std::size_t first,
                              std::size_t count);
// dtransformed[16, C, K] += valuesᵀ · sums.
void winograd_gradient(float* dtransformed, const float* values, const float* sums, const WinogradPlan& plan,
                       std::size_t count);
// dweight[3 · 3, C, K] = Gᵀ D G for input channels [i, i + channels), turned back if the plan says so, where D is the
// sum of the `tasks` gradients [16, C, K] in dtransformed, which are `task_floats` apart. Overwrites.
void winograd_weights_gradient(float* dweight, const float* dtransformed, std::size_t tasks, std::size_t task_floats,
                               const WinogradPlan& plan, std::size_t i, std::size_t channels);

}  // namespace aevb
