// The log-dispersion (log-variance, log-scale) of a likelihood, as kernels read it.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// One value for each feature that all rows share, bounded already, or the decoder's raw values of each row, which the
// reader bounds by soft_bound (below).
struct LogDispersion {
  const float* shared;
  ConstPanels raw;  // read if shared is null
  double min, max;
};

// A log-dispersion softly bounded on both sides, so that no exponential of it overflows (Chua et al., Deep
// Reinforcement Learning in a Handful of Trials (2018), appendix A.1). The factor `shrink` keeps it below its maximum,
// which the bound of Chua et al. exceeds by log(1 + e^(min − max)):
//   u = max − softplus(max − raw),   bound = min + shrink · softplus(u − min),
//   shrink = (max − min) / softplus(max − min), or 1 if max − min is above 16, because it then rounds to 1 as a float
// A result above the maximum, by 1e-7 at most, is cut off.
double soft_bound(double raw, double min, double max);
double soft_bound_derivative(double raw, double min, double max);

// The factor above; min < max.
double soft_bound_shrink(double min, double max);

// dlog_dispersion[C] = Σ over R rows of each row's gradient of it; overwrites C floats. Sums are double, row after row.
// `rows` starts at the first of the C features; C is at most one panel.
void log_dispersion_backward(float* dlog_dispersion, ConstPanels rows, std::size_t R, std::size_t C);

}  // namespace aevb
