#include "likelihood/gaussian.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "likelihood/gaussian.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/sums.h"
#include "math/vector_math.h"
// This is made of those above.
#include "likelihood/dispersion_kernels.h"

AEVB_BEFORE_KERNELS

constexpr float LOG_2_PI = 0x1.d67f1cp+0f;

struct Gaussian {
  AEVB_INLINE F32 constant(F32 log_variance) { return set(0.5f) * (set(LOG_2_PI) + log_variance); }
  AEVB_INLINE F32 slope(F32 difference, F32 precision) { return difference * precision; }
  AEVB_INLINE F32 loss(F32 difference, F32 slope, F32, F32 constant) {
    return fma(set(0.5f) * difference, slope, constant);
  }
  AEVB_INLINE F32 spread(F32 difference, F32 slope, F32) { return fnma(set(0.5f) * difference, slope, set(0.5f)); }
};

void gaussian_forward(double* loss, ConstPanels mean, const float* log_variance, ConstPanels x, std::size_t B,
                      std::size_t L, std::size_t D) {
  shared_loss<Gaussian, false, false>(loss, {}, {}, mean, log_variance, x, 1.0f, B, L, D);
}

void gaussian_forward_backward(double* loss, Panels dmean, ConstPanels mean, const float* log_variance, ConstPanels x,
                               float scale, std::size_t B, std::size_t L, std::size_t D) {
  shared_loss<Gaussian, true, false>(loss, dmean, {}, mean, log_variance, x, scale, B, L, D);
}

// Σ_r scale/2 (1 − (x − mean)²/σ²) = ½ (scale R − σ²/scale Σ_r dmean²).
template <bool WHOLE>
AEVB_INLINE void log_variance_column(float* dlog_variance, ConstPanels dmean, const float* log_variance, float scale,
                                     std::size_t R, int lanes) {
  F64 squares = zero_double();
  for (std::size_t r = 0; r < R; ++r) {
    const F64 slope = widen(load_lanes<WHOLE>(dmean.data + r * dmean.width, lanes));
    squares = fma(slope, slope, squares);
  }
  double square[F32::size];
  float variance[F32::size];
  store(square, squares);
  store(variance, exp(load_lanes<WHOLE>(log_variance, lanes)));
  for (int i = 0; i < lanes; ++i) {
    const double ratio = static_cast<double>(variance[i]) / static_cast<double>(scale) * square[i];
    dlog_variance[i] = static_cast<float>(0.5 * (static_cast<double>(scale) * static_cast<double>(R) - ratio));
  }
}

void gaussian_log_variance_backward(float* dlog_variance, ConstPanels dmean, const float* log_variance, float scale,
                                    std::size_t R, std::size_t C) {
  std::size_t i = 0;
  for (; i + F32::size <= C; i += F32::size) {
    log_variance_column<true>(dlog_variance + i, {dmean.data + i, dmean.stride, dmean.width}, log_variance + i, scale,
                              R, F32::size);
  }
  if (i < C) {
    log_variance_column<false>(dlog_variance + i, {dmean.data + i, dmean.stride, dmean.width}, log_variance + i, scale,
                               R, static_cast<int>(C - i));
  }
}

void gaussian_datum_forward(double* loss, ConstPanels mean, ConstPanels raw_log_variance, float min, float max,
                            ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  datum_loss<Gaussian, false>(loss, {}, {}, mean, raw_log_variance, min, max, x, 1.0f, B, L, D);
}

void gaussian_datum_forward_backward(double* loss, Panels dmean, Panels draw_log_variance, ConstPanels mean,
                                     ConstPanels raw_log_variance, float min, float max, ConstPanels x, float scale,
                                     std::size_t B, std::size_t L, std::size_t D) {
  datum_loss<Gaussian, true>(loss, dmean, draw_log_variance, mean, raw_log_variance, min, max, x, scale, B, L, D);
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

void gaussian_forward(double* loss, ConstPanels mean, const float* log_variance, ConstPanels x, std::size_t B,
                      std::size_t L, std::size_t D) {
  AEVB_DISPATCH(gaussian_forward)(loss, mean, log_variance, x, B, L, D);
}

void gaussian_forward_backward(double* loss, Panels dmean, ConstPanels mean, const float* log_variance, ConstPanels x,
                               float scale, std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(gaussian_forward_backward)(loss, dmean, mean, log_variance, x, scale, B, L, D);
}

void gaussian_log_variance_backward(float* dlog_variance, ConstPanels dmean, const float* log_variance, float scale,
                                    std::size_t R, std::size_t C) {
  AEVB_DISPATCH(gaussian_log_variance_backward)(dlog_variance, dmean, log_variance, scale, R, C);
}

void gaussian_datum_forward(double* loss, ConstPanels mean, ConstPanels raw_log_variance, float min, float max,
                            ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(gaussian_datum_forward)(loss, mean, raw_log_variance, min, max, x, B, L, D);
}

void gaussian_datum_forward_backward(double* loss, Panels dmean, Panels draw_log_variance, ConstPanels mean,
                                     ConstPanels raw_log_variance, float min, float max, ConstPanels x, float scale,
                                     std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(gaussian_datum_forward_backward)
  (loss, dmean, draw_log_variance, mean, raw_log_variance, min, max, x, scale, B, L, D);
}

}  // namespace aevb
#endif
