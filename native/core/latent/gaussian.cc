#include "latent/gaussian.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "latent/gaussian.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

AEVB_BEFORE_KERNELS

// σ² − 1 − log σ² is small if σ is near 1: expm1 keeps it exact. In lanes that are not columns it is 0.
template <bool WHOLE>
AEVB_INLINE F32 kl_vector(const float* mean, const float* log_variance, int lanes) {
  const F32 center = load_lanes<WHOLE>(mean, lanes);
  const F32 log_square = load_lanes<WHOLE>(log_variance, lanes);
  return fma(center, center, expm1(log_square) - log_square);
}

void gaussian_kl(double* kl, ConstPanels mean, ConstPanels log_variance, std::size_t B, std::size_t Z) {
  for (std::size_t b = 0; b < B; ++b) kl[b] = 0.0;
  for (std::size_t p = 0; p < panel_count(Z, mean.width); ++p) {
    const std::size_t cols = cols_in_panel(Z, p, mean.width);
    for (std::size_t b = 0; b < B; ++b) {
      const float* mean_row = row_of(mean, p, b);
      const float* log_variance_row = row_of(log_variance, p, b);
      F32 twice = zero();
      std::size_t i = 0;
      for (; i + F32::size <= cols; i += F32::size) {
        twice = twice + kl_vector<true>(mean_row + i, log_variance_row + i, F32::size);
      }
      if (i < cols) twice = twice + kl_vector<false>(mean_row + i, log_variance_row + i, static_cast<int>(cols - i));
      kl[b] += 0.5 * static_cast<double>(sum(twice));
    }
  }
}

struct BackwardRow {
  float *dmean, *dlog_variance;      // row b
  const float *dz, *epsilon;         // row b L
  const float *mean, *log_variance;  // row b
  std::size_t L, dz_width, epsilon_width;
};

template <bool WHOLE>
AEVB_INLINE void backward_vector(const BackwardRow& row, std::size_t i, F32 kl_scale, int lanes, std::size_t space) {
  F32 dmean = zero();
  F32 ddeviation = zero();
  for (std::size_t l = 0; l < row.L; ++l) {
    const F32 dz = load_lanes<WHOLE>(row.dz + l * row.dz_width + i, lanes);
    dmean = dmean + dz;
    ddeviation = fma(dz, load_lanes<WHOLE>(row.epsilon + l * row.epsilon_width + i, lanes), ddeviation);
  }
  const F32 half = set(0.5f);
  const F32 deviation_minus_1 = expm1(half * load_lanes<WHOLE>(row.log_variance + i, lanes));
  const F32 deviation = deviation_minus_1 + set(1.0f);
  // (σ² − 1)/2 = (σ − 1)(σ + 1)/2
  const F32 dkl = half * deviation_minus_1 * (deviation + set(1.0f));
  const F32 dlog_variance = fma(kl_scale, dkl, ddeviation * (half * deviation));
  store_padded<WHOLE>(row.dmean + i, fma(kl_scale, load_lanes<WHOLE>(row.mean + i, lanes), dmean), lanes, space);
  store_padded<WHOLE>(row.dlog_variance + i, dlog_variance, lanes, space);
}

void gaussian_backward(Panels dmean, Panels dlog_variance, ConstPanels dz, ConstPanels epsilon, ConstPanels mean,
                       ConstPanels log_variance, float kl_scale, std::size_t B, std::size_t L, std::size_t Z) {
  for (std::size_t p = 0; p < panel_count(Z, dmean.width); ++p) {
    const std::size_t cols = cols_in_panel(Z, p, dmean.width);
    for (std::size_t b = 0; b < B; ++b) {
      const BackwardRow row = {row_of(dmean, p, b),
                               row_of(dlog_variance, p, b),
                               row_of(dz, p, b * L),
                               row_of(epsilon, p, b * L),
                               row_of(mean, p, b),
                               row_of(log_variance, p, b),
                               L,
                               dz.width,
                               epsilon.width};
      std::size_t i = 0;
      for (; i + F32::size <= cols; i += F32::size) {
        backward_vector<true>(row, i, set(kl_scale), F32::size, dmean.width - i);
      }
      if (i < cols) {
        backward_vector<false>(row, i, set(kl_scale), static_cast<int>(cols - i), dmean.width - i);
        i += F32::size;
      }
      zero_padding(row.dmean, i, dmean.width);
      zero_padding(row.dlog_variance, i, dlog_variance.width);
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void gaussian_kl(double* kl, ConstPanels mean, ConstPanels log_variance, std::size_t B, std::size_t Z) {
  AEVB_DISPATCH(gaussian_kl)(kl, mean, log_variance, B, Z);
}

void gaussian_backward(Panels dmean, Panels dlog_variance, ConstPanels dz, ConstPanels epsilon, ConstPanels mean,
                       ConstPanels log_variance, float kl_scale, std::size_t B, std::size_t L, std::size_t Z) {
  AEVB_DISPATCH(gaussian_backward)
  (dmean, dlog_variance, dz, epsilon, mean, log_variance, kl_scale, B, L, Z);
}

}  // namespace aevb
#endif
