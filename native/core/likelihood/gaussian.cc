#include "likelihood/gaussian.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "likelihood/draws.h"
#include "likelihood/full_covariance.h"
#include "likelihood/kind.h"
#include "likelihood/low_rank.h"

#define AEVB_KERNEL_FILE "likelihood/gaussian.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/sums.h"
#include "math/vector_math.h"
// Uses the headers above.
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
                      std::size_t L, std::size_t D, ConstPanels present) {
  shared_loss<Gaussian, false, false>(loss, {}, {}, mean, log_variance, x, present, 1.0f, B, L, D);
}

void gaussian_forward_backward(double* loss, Panels dmean, ConstPanels mean, const float* log_variance, ConstPanels x,
                               float scale, std::size_t B, std::size_t L, std::size_t D, ConstPanels present,
                               Panels dlog_variance) {
  if (dlog_variance.data != nullptr) {
    shared_loss<Gaussian, true, true>(loss, dmean, dlog_variance, mean, log_variance, x, present, scale, B, L, D);
  } else {
    shared_loss<Gaussian, true, false>(loss, dmean, {}, mean, log_variance, x, present, scale, B, L, D);
  }
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
                            ConstPanels x, std::size_t B, std::size_t L, std::size_t D, ConstPanels present) {
  datum_loss<Gaussian, false>(loss, {}, {}, mean, raw_log_variance, min, max, x, present, 1.0f, B, L, D);
}

void gaussian_datum_forward_backward(double* loss, Panels dmean, Panels d_raw_log_variance, ConstPanels mean,
                                     ConstPanels raw_log_variance, float min, float max, ConstPanels x, float scale,
                                     std::size_t B, std::size_t L, std::size_t D, ConstPanels present) {
  datum_loss<Gaussian, true>(loss, dmean, d_raw_log_variance, mean, raw_log_variance, min, max, x, present, scale, B, L,
                             D);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void gaussian_forward(double* loss, ConstPanels mean, const float* log_variance, ConstPanels x, std::size_t B,
                      std::size_t L, std::size_t D, ConstPanels present) {
  AEVB_DISPATCH(gaussian_forward)(loss, mean, log_variance, x, B, L, D, present);
}

void gaussian_forward_backward(double* loss, Panels dmean, ConstPanels mean, const float* log_variance, ConstPanels x,
                               float scale, std::size_t B, std::size_t L, std::size_t D, ConstPanels present,
                               Panels dlog_variance) {
  AEVB_DISPATCH(gaussian_forward_backward)
  (loss, dmean, mean, log_variance, x, scale, B, L, D, present, dlog_variance);
}

void gaussian_log_variance_backward(float* dlog_variance, ConstPanels dmean, const float* log_variance, float scale,
                                    std::size_t R, std::size_t C) {
  AEVB_DISPATCH(gaussian_log_variance_backward)(dlog_variance, dmean, log_variance, scale, R, C);
}

void gaussian_datum_forward(double* loss, ConstPanels mean, ConstPanels raw_log_variance, float min, float max,
                            ConstPanels x, std::size_t B, std::size_t L, std::size_t D, ConstPanels present) {
  AEVB_DISPATCH(gaussian_datum_forward)(loss, mean, raw_log_variance, min, max, x, B, L, D, present);
}

void gaussian_datum_forward_backward(double* loss, Panels dmean, Panels d_raw_log_variance, ConstPanels mean,
                                     ConstPanels raw_log_variance, float min, float max, ConstPanels x, float scale,
                                     std::size_t B, std::size_t L, std::size_t D, ConstPanels present) {
  AEVB_DISPATCH(gaussian_datum_forward_backward)
  (loss, dmean, d_raw_log_variance, mean, raw_log_variance, min, max, x, scale, B, L, D, present);
}

namespace {

bool has_covariance(const LikelihoodSpec& spec) { return spec.covariance != CovarianceType::diagonal; }

// The index of the covariance's head.
std::size_t covariance_head(const LikelihoodSpec& spec) { return is_per_datum(spec) ? 2 : 1; }

void forward(double* loss, const LikelihoodHeads& decoded, ConstPanels x) {
  const auto [spec, heads, shared, B, L, D, present] = decoded;
  if (spec.covariance == CovarianceType::full) {
    full_covariance_forward(loss, heads[0], log_dispersion_of(decoded), heads[covariance_head(spec)], x, B, L, D);
  } else if (spec.covariance == CovarianceType::lowRank) {
    low_rank_forward(loss, heads[0], log_dispersion_of(decoded), heads[covariance_head(spec)], x, B, L, D, spec.rank);
  } else if (is_per_datum(spec)) {
    gaussian_datum_forward(loss, heads[0], heads[1], static_cast<float>(spec.log_dispersion_min),
                           static_cast<float>(spec.log_dispersion_max), x, B, L, D, present);
  } else {
    gaussian_forward(loss, heads[0], shared, x, B, L, D, present);
  }
}

void forward_backward(double* loss, const LikelihoodHeads& decoded, ConstPanels x, float scale) {
  const auto [spec, heads, shared, B, L, D, present] = decoded;
  if (has_covariance(spec)) {
    const std::size_t own_head = covariance_head(spec);
    const Panels own = heads[own_head];
    // After the heads, if the variance is shared.
    const Panels dlog_variance = is_per_datum(spec)            ? heads[1]
                                 : is_learned_and_shared(spec) ? heads[own_head + 1]
                                                               : Panels{};
    if (spec.covariance == CovarianceType::full) {
      full_covariance_forward_backward(loss, {heads[0], dlog_variance, own}, heads[0], log_dispersion_of(decoded), own,
                                       x, scale, B, L, D);
    } else {
      low_rank_forward_backward(loss, {heads[0], dlog_variance, own}, heads[0], log_dispersion_of(decoded), own, x,
                                scale, B, L, D, spec.rank);
    }
  } else if (is_per_datum(spec)) {
    gaussian_datum_forward_backward(loss, heads[0], heads[1], heads[0], heads[1],
                                    static_cast<float>(spec.log_dispersion_min),
                                    static_cast<float>(spec.log_dispersion_max), x, scale, B, L, D, present);
  } else {
    // After the mean, if each row's gradient of the variance is kept.
    const Panels dlog_variance = spec.missing && is_learned_and_shared(spec) ? heads[1] : Panels{};
    gaussian_forward_backward(loss, heads[0], heads[0], shared, x, scale, B, L, D, present, dlog_variance);
  }
}

void draw(Panels out, const LikelihoodHeads& decoded, const double*, std::uint64_t seed, std::uint32_t first_row) {
  const auto [spec, heads, shared, R, L, D, present] = decoded;
  const LogDispersion log_variance = log_dispersion_of(decoded);
  if (spec.covariance == CovarianceType::full) {
    full_covariance_draw(out, heads[0], log_variance, heads[covariance_head(spec)], R, D, seed, first_row);
  } else if (spec.covariance == CovarianceType::lowRank) {
    low_rank_draw(out, heads[0], log_variance, heads[covariance_head(spec)], R, D, spec.rank, seed, first_row);
  } else {
    gaussian_draw(out, heads[0], log_variance, R, D, seed, first_row);
  }
}

// gaussian_log_variance_backward if row r counts weight[r] times: Σ ½ (f − dmean² σ²/f), f = scale · weight.
void weighted_log_variance_backward(float* dlog_variance, ConstPanels dmean, const float* log_variance, float scale,
                                    const float* weight, std::size_t R, std::size_t C) {
  for (std::size_t c = 0; c < C; ++c) {
    const double variance = std::exp(static_cast<double>(log_variance[c]));
    double sum = 0.0;
    for (std::size_t r = 0; r < R; ++r) {
      const double factor = static_cast<double>(scale) * static_cast<double>(weight[r]);
      const auto d = static_cast<double>(dmean.at(r, c));
      if (factor != 0.0) sum += 0.5 * (factor - d * d * variance / factor);
    }
    dlog_variance[c] = static_cast<float>(sum);
  }
}

void dispersion_backward(float* dlog_variance, const LikelihoodSpec& spec, const float* shared, ConstPanels last,
                         float scale, const float* weight, std::size_t R, std::size_t C) {
  if (has_covariance(spec) || spec.missing) {
    log_dispersion_backward(dlog_variance, last, R, C);
  } else if (scale == 0.0f) {
    std::fill_n(dlog_variance, C, 0.0f);  // the kernel would divide by it
  } else if (weight != nullptr) {
    weighted_log_variance_backward(dlog_variance, last, shared, scale, weight, R, C);
  } else {
    gaussian_log_variance_backward(dlog_variance, last, shared, scale, R, C);
  }
}

const char* covariance_name(const LikelihoodSpec& spec) {
  return spec.covariance == CovarianceType::full ? "regression" : "factor";
}

std::size_t covariance_units(const LikelihoodSpec& spec, std::size_t D) {
  return spec.covariance == CovarianceType::full ? full_covariance_entries(D) : D * spec.rank;
}

bool covariance_fits(const LikelihoodSpec& spec, std::size_t D) {
  if (spec.covariance == CovarianceType::full) return D >= 2 && D <= MOST_FULL_COVARIANCE_FEATURES;
  return spec.rank >= 1 && spec.rank <= MOST_RANK && spec.rank <= D;
}

constexpr CovarianceHead COVARIANCE{covariance_name, covariance_units, covariance_fits};

}  // namespace

const LikelihoodKind GAUSSIAN_LIKELIHOOD{
    .first_head = "mean",
    .log_dispersion = "logVariance",
    .covariance = &COVARIANCE,
    .dispersion_power = 2,
    .keeps_dispersion_gradient = [](const LikelihoodSpec& spec) { return has_covariance(spec) || spec.missing; },
    .domain = [](const LikelihoodSpec&) { return Domain::real; },
    .given_total = false,
    .may_miss = [](const LikelihoodSpec& spec) { return !has_covariance(spec); },
    .neutralize = nullptr,
    .missing_target = 0.0f,
    .forward = forward,
    .forward_backward = forward_backward,
    .dispersion_backward = dispersion_backward,
    .mean = nullptr,
    .draw = draw,
};

}  // namespace aevb
#endif
