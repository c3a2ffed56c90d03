// p(x|z) = Π N(x; mean, σ²) with a variance that all rows share (a constant, one parameter, or one per feature) or that
// the decoder outputs for each datum and feature:
//   −log p(x|z) = Σ ½ (log 2π + log σ² + (x − mean)²/σ²)
//
// B data, L draws of each, D features. Row b L + l of the decoder's output belongs to row b of x.
// present[B, D]: 0 for a cell that is missing, whose loss and gradients are 0; data null: no cell is missing.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// --- log_variance[D] is shared by all rows: bounded already, padded with zeros to whole panels ---

// loss[B L] = −log p(x|z), nats, summed over features; overwrites.
void gaussian_forward(double* loss, ConstPanels mean, const float* log_variance, ConstPanels x, std::size_t B,
                      std::size_t L, std::size_t D, ConstPanels present = {});

// The same, and dmean[B L, D] = scale · (mean − x)/σ²; overwrites, and dmean may be mean itself. Leaves the padding of
// dmean zero. dlog_variance, if its data is not null, becomes [B L, D] scale · ½ (1 − (x − mean)²/σ²).
void gaussian_forward_backward(double* loss, Panels dmean, ConstPanels mean, const float* log_variance, ConstPanels x,
                               float scale, std::size_t B, std::size_t L, std::size_t D, ConstPanels present = {},
                               Panels dlog_variance = {});

// dlog_variance[C] = Σ over rows of scale · ½ (1 − (x − mean)²/σ²), from the dmean of R rows above, whose
// square is scale² (x − mean)²/σ⁴; overwrites C floats. Sums are double, row after row. `dmean`'s panels and
// `log_variance` start at the first of the C features; C is at most one panel.
void gaussian_log_variance_backward(float* dlog_variance, ConstPanels dmean, const float* log_variance, float scale,
                                    std::size_t R, std::size_t C);

// --- raw_log_variance[B L, D] is the decoder's output, bounded here ---

void gaussian_datum_forward(double* loss, ConstPanels mean, ConstPanels raw_log_variance, float min, float max,
                            ConstPanels x, std::size_t B, std::size_t L, std::size_t D, ConstPanels present = {});

// Overwrites dmean and d_raw_log_variance [B L, D], which may be mean and raw_log_variance themselves; their padding is
// left zero.
void gaussian_datum_forward_backward(double* loss, Panels dmean, Panels d_raw_log_variance, ConstPanels mean,
                                     ConstPanels raw_log_variance, float min, float max, ConstPanels x, float scale,
                                     std::size_t B, std::size_t L, std::size_t D, ConstPanels present = {});

}  // namespace aevb
