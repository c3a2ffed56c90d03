#include "likelihood/full_covariance.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "likelihood/log_dispersion.h"

#define AEVB_KERNEL_FILE "likelihood/full_covariance.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/sums.h"
#include "math/vector_math.h"
// These use the headers above.
#include "likelihood/dispersion_kernels.h"
#include "math/row_lanes.h"
// Uses these in turn.
#include "likelihood/covariance_kernels.h"

AEVB_BEFORE_KERNELS

constexpr float LOG_2_PI = 0x1.d67f1cp+0f;

// Entry `index` of Φ is Φ_ij.
struct Entry {
  std::size_t index = 0, i = 1, j = 0;
};
// The number of entries from `at` on that are in the same row and before `end`, the end of the loaded entries.
AEVB_INLINE std::size_t same_row_entries(const Entry& at, std::size_t end) {
  return end - at.index < at.i - at.j ? end - at.index : at.i - at.j;
}
AEVB_INLINE void step(Entry* at, std::size_t count) {
  at->index += count;
  at->j += count;
  if (at->j == at->i) {
    ++at->i;
    at->j = 0;
  }
}

// residual −= Φ distance.
AEVB_INLINE void subtract_regression(F32* residual, const F32* distance, ConstPanels regression, const LaneRows& rows,
                                     std::size_t entries) {
  for (Entry at; at.index < entries;) {
    const std::size_t first = at.index, count = entries - first < LANE_COLUMNS ? entries - first : LANE_COLUMNS;
    RowLanes phi;
    load_row_lanes(&phi, regression, rows, column_at(first, regression.width), count);
    while (at.index < first + count) {
      const std::size_t run = same_row_entries(at, first + count);
      const F32* coefficient = phi.column + (at.index - first);
      // Two sums, because each operation on a sum waits for the one before.
      F32 even = residual[at.i], odd = zero();
      std::size_t k = 0;
      for (; k + 2 <= run; k += 2) {
        even = fnma(coefficient[k], distance[at.j + k], even);
        odd = fnma(coefficient[k + 1], distance[at.j + k + 1], odd);
      }
      if (k < run) even = fnma(coefficient[k], distance[at.j + k], even);
      residual[at.i] = even + odd;
      step(&at, run);
    }
  }
}

// Computes the gradient by Φ, scale · −slope_i distance_j, and slope −= Φᵀ slope, which turns the gradient by the
// residuals into the gradient by the distances. In place: slope_i changes only after row i
// of Φ has been processed.
AEVB_INLINE void backward_regression(Panels dregression, F32* slope, const F32* distance, ConstPanels regression,
                                     const LaneRows& rows, std::size_t first_row, std::size_t row_count, F32 scale,
                                     std::size_t entries) {
  for (Entry at; at.index < entries;) {
    const std::size_t first = at.index, count = entries - first < LANE_COLUMNS ? entries - first : LANE_COLUMNS;
    RowLanes phi;
    load_row_lanes(&phi, regression, rows, column_at(first, regression.width), count);
    while (at.index < first + count) {
      const std::size_t run = same_row_entries(at, first + count);
      F32* coefficient = phi.column + (at.index - first);
      const F32 row_slope = slope[at.i], scaled = scale * row_slope;
      for (std::size_t k = 0; k < run; ++k) {
        slope[at.j + k] = fnma(coefficient[k], row_slope, slope[at.j + k]);
        coefficient[k] = -(scaled * distance[at.j + k]);
      }
      step(&at, run);
    }
    store_row_lanes(dregression, first_row, row_count, column_at(first, dregression.width), phi, count);
  }
}

// The order in which a row is summed depends only on D.
template <bool BACKWARD>
static void full_covariance(double* loss, const FullCovarianceGradient& gradient, ConstPanels mean,
                            const LogDispersion& log_variance, ConstPanels regression, ConstPanels x, float scale,
                            std::size_t B, std::size_t L, std::size_t D) {
  const std::size_t entries = full_covariance_entries(D);
  F32 distance[MOST_FULL_COVARIANCE_FEATURES];
  F32 residual[MOST_FULL_COVARIANCE_FEATURES];  // later the gradient
  for (std::size_t first = 0; first < B * L; first += F32::size) {
    const std::size_t row_count = rows_in_lanes(first, B * L);
    const LaneRows rows = lane_rows(first, row_count), data = data_of(rows, L);
    for (std::size_t begin = 0; begin < D; begin += LANE_COLUMNS) {
      const std::size_t count = D - begin < LANE_COLUMNS ? D - begin : LANE_COLUMNS;
      load_distances(distance + begin, mean, x, rows, data, begin, count);
      for (std::size_t i = begin; i < begin + count; ++i) residual[i] = distance[i];
    }
    subtract_regression(residual, distance, regression, rows, entries);

    F64 losses = zero_double();
    for (std::size_t begin = 0; begin < D; begin += LANE_COLUMNS) {
      const std::size_t count = D - begin < LANE_COLUMNS ? D - begin : LANE_COLUMNS;
      VarianceLanes variance;
      load_variances<BACKWARD>(&variance, log_variance, rows, begin, count);
      F32 sum = zero();
      for (std::size_t k = 0; k < count; ++k) {
        const F32 log_variance_k = variance.log_variance.column[k], e = residual[begin + k];
        const F32 slope = e * exp(-log_variance_k);
        sum = sum + fma(e, slope, set(LOG_2_PI) + log_variance_k);
        if constexpr (BACKWARD) {
          const F32 spread = set(0.5f) * fnma(e, slope, set(1.0f));
          variance.log_variance.column[k] = set(scale) * (variance.chain.column[k] * spread);
          residual[begin + k] = slope;
        }
      }
      losses = losses + widen(sum);
      if (BACKWARD && gradient.log_variance.data != nullptr) {
        store_row_lanes(gradient.log_variance, first, row_count, column_at(begin, gradient.log_variance.width),
                        variance.log_variance, count);
      }
    }
    double each[F32::size];
    store(each, losses);
    for (std::size_t r = 0; r < row_count; ++r) loss[first + r] = 0.5 * each[r];

    if constexpr (BACKWARD) {
      backward_regression(gradient.regression, residual, distance, regression, rows, first, row_count, set(scale),
                          entries);
      for (std::size_t begin = 0; begin < D; begin += LANE_COLUMNS) {
        const std::size_t count = D - begin < LANE_COLUMNS ? D - begin : LANE_COLUMNS;
        RowLanes dmean;
        for (std::size_t k = 0; k < count; ++k) dmean.column[k] = -(set(scale) * residual[begin + k]);
        store_row_lanes(gradient.mean, first, row_count, column_at(begin, gradient.mean.width), dmean, count);
      }
    }
  }
  if constexpr (BACKWARD) {
    zero_behind(gradient.mean, B * L, D);
    if (gradient.log_variance.data != nullptr) zero_behind(gradient.log_variance, B * L, D);
    if (entries > 0) zero_behind(gradient.regression, B * L, entries);
  }
}

void full_covariance_forward(double* loss, ConstPanels mean, const LogDispersion& log_variance, ConstPanels regression,
                             ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  full_covariance<false>(loss, {}, mean, log_variance, regression, x, 1.0f, B, L, D);
}

void full_covariance_forward_backward(double* loss, const FullCovarianceGradient& gradient, ConstPanels mean,
                                      const LogDispersion& log_variance, ConstPanels regression, ConstPanels x,
                                      float scale, std::size_t B, std::size_t L, std::size_t D) {
  full_covariance<true>(loss, gradient, mean, log_variance, regression, x, scale, B, L, D);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void full_covariance_forward(double* loss, ConstPanels mean, const LogDispersion& log_variance, ConstPanels regression,
                             ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(full_covariance_forward)(loss, mean, log_variance, regression, x, B, L, D);
}

void full_covariance_forward_backward(double* loss, const FullCovarianceGradient& gradient, ConstPanels mean,
                                      const LogDispersion& log_variance, ConstPanels regression, ConstPanels x,
                                      float scale, std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(full_covariance_forward_backward)
  (loss, gradient, mean, log_variance, regression, x, scale, B, L, D);
}

}  // namespace aevb
#endif
