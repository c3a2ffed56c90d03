// p(x|z) = Π Laplace(x; mean, b) with a scale b that all rows share (a constant, one parameter, or one per feature) or
// that the decoder outputs for each datum and feature:
//   −log p(x|z) = Σ log 2b + |x − mean|/b
// The derivative by the mean is 0 if x is the mean.
//
// B data, L draws of each, D features. Row b L + l of the decoder's output belongs to row b of x.
// present[B, D]: 0 for a cell that is missing, whose loss and gradients are 0; data null: no cell is missing.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// --- log_scale[D] is shared by all rows: bounded already, padded with zeros to whole panels ---

// loss[B L] = −log p(x|z), nats, summed over features; overwrites.
void laplace_forward(double* loss, ConstPanels mean, const float* log_scale, ConstPanels x, std::size_t B,
                     std::size_t L, std::size_t D, ConstPanels present = {});

// The same, and dmean[B L, D] = scale · sign(mean − x)/b; overwrites, and dmean may be mean itself. If the data of
// dlog_scale is not null it becomes [B L, D] scale · (1 − |x − mean|/b), whose column sums are the gradient of
// log_scale; unlike a Gaussian's, it cannot be computed from dmean, which contains only the sign of the difference.
// Leaves the padding of both zero.
void laplace_forward_backward(double* loss, Panels dmean, Panels dlog_scale, ConstPanels mean, const float* log_scale,
                              ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D,
                              ConstPanels present = {});

// --- raw_log_scale[B L, D] is the decoder's output, bounded here (soft_bound in likelihood/log_dispersion.h) ---

void laplace_datum_forward(double* loss, ConstPanels mean, ConstPanels raw_log_scale, float min, float max,
                           ConstPanels x, std::size_t B, std::size_t L, std::size_t D, ConstPanels present = {});

// Overwrites dmean and d_raw_log_scale [B L, D], which may be mean and raw_log_scale themselves; their padding is left
// zero.
void laplace_datum_forward_backward(double* loss, Panels dmean, Panels d_raw_log_scale, ConstPanels mean,
                                    ConstPanels raw_log_scale, float min, float max, ConstPanels x, float scale,
                                    std::size_t B, std::size_t L, std::size_t D, ConstPanels present = {});

}  // namespace aevb
