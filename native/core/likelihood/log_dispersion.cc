#include "likelihood/log_dispersion.h"

#include <cmath>
#include <cstddef>

#define AEVB_KERNEL_FILE "likelihood/log_dispersion.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"

AEVB_BEFORE_KERNELS

template <bool WHOLE>
AEVB_INLINE void sum_vector(float* sums, ConstPanels rows, std::size_t R, int lanes) {
  F64 total = zero_double();
  for (std::size_t r = 0; r < R; ++r) total = total + widen(load_lanes<WHOLE>(rows.data + r * rows.width, lanes));
  double lane[F32::size];
  store(lane, total);
  for (int i = 0; i < lanes; ++i) sums[i] = static_cast<float>(lane[i]);
}

void log_dispersion_backward(float* dlog_dispersion, ConstPanels rows, std::size_t R, std::size_t C) {
  std::size_t i = 0;
  for (; i + F32::size <= C; i += F32::size) {
    sum_vector<true>(dlog_dispersion + i, {rows.data + i, rows.stride, rows.width}, R, F32::size);
  }
  if (i < C) {
    sum_vector<false>(dlog_dispersion + i, {rows.data + i, rows.stride, rows.width}, R, static_cast<int>(C - i));
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

namespace {

double softplus(double v) { return (v > 0.0 ? v : 0.0) + std::log1p(std::exp(-std::abs(v))); }
double sigmoid(double v) { return 1.0 / (1.0 + std::exp(-v)); }

}  // namespace

double soft_bound_shrink(double min, double max) {
  const double width = max - min;
  return width > 16.0 ? 1.0 : width / softplus(width);
}

double soft_bound(double raw, double min, double max) {
  const double bounded = min + soft_bound_shrink(min, max) * softplus(max - softplus(max - raw) - min);
  return bounded > max ? max : bounded;
}

double soft_bound_derivative(double raw, double min, double max) {
  return soft_bound_shrink(min, max) * sigmoid(max - raw) * sigmoid(max - softplus(max - raw) - min);
}

void log_dispersion_backward(float* dlog_dispersion, ConstPanels rows, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(log_dispersion_backward)(dlog_dispersion, rows, R, C);
}

}  // namespace aevb
#endif
