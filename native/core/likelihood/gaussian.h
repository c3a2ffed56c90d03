// p(x|z) = Π N(x; mean, σ²) with a variance that all rows share (a constant, one parameter, or one per feature) or that
// the decoder puts out for each datum and feature:
//   −log p(x|z) = Σ ½ (log 2π + log σ² + (x − mean)²/σ²)
//
// B data, L draws of each, D features. Row b L + l of the decoder's output belongs to row b of x.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// A log-variance kept softly between two bounds, so that no exponential of it overflows (Chua et al., Deep
// Reinforcement Learning in a Handful of Trials (2018), appendix A.1), with a factor that keeps it below its maximum,
// which theirs exceeds by log(1 + e^(min − max)):
//   u = max − softplus(max − raw),   bound = min + shrink · softplus(u − min),
//   shrink = (max − min) / softplus(max − min), or 1 where max − min is above 16: a float's 1 it is there anyway
// What then lies above the maximum, by 1e-7 at most, is cut off.
double soft_bound(double raw, double min, double max);
double soft_bound_derivative(double raw, double min, double max);

// For min < max.
double soft_bound_shrink(double min, double max);

// --- log_variance[D] is shared by all rows: bounded already, padded with zeros to whole panels ---

// loss[B L] = −log p(x|z), nats, summed over features; overwrites.
void gaussian_forward(double* loss, ConstPanels mean, const float* log_variance, ConstPanels x, std::size_t B,
                      std::size_t L, std::size_t D);

// The same, and dmean[B L, D] = scale · (mean − x)/σ²; overwrites, and dmean may be mean itself. Leaves the padding of
// dmean zero.
void gaussian_forward_backward(double* loss, Panels dmean, ConstPanels mean, const float* log_variance, ConstPanels x,
                               float scale, std::size_t B, std::size_t L, std::size_t D);

// dlog_variance[C] = Σ over rows of scale · ½ (1 − (x − mean)²/σ²), from the dmean of R rows above, whose
// square is scale² (x − mean)²/σ⁴; overwrites C floats. Sums are double, row after row. `dmean`'s panels and
// `log_variance` start at the first of the C features; C is at most one panel.
void gaussian_log_variance_backward(float* dlog_variance, ConstPanels dmean, const float* log_variance, float scale,
                                    std::size_t R, std::size_t C);

// --- raw_log_variance[B L, D] is the decoder's: bounded here ---

void gaussian_datum_forward(double* loss, ConstPanels mean, ConstPanels raw_log_variance, float min, float max,
                            ConstPanels x, std::size_t B, std::size_t L, std::size_t D);

// Overwrites dmean and draw_log_variance [B L, D], which may be mean and raw_log_variance themselves; their padding is
// left zero.
void gaussian_datum_forward_backward(double* loss, Panels dmean, Panels draw_log_variance, ConstPanels mean,
                                     ConstPanels raw_log_variance, float min, float max, ConstPanels x, float scale,
                                     std::size_t B, std::size_t L, std::size_t D);

}  // namespace aevb
