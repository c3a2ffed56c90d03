#include "latent/prior.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "latent/prior.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

// Uses the headers above.
#include "latent/lanes.h"

AEVB_BEFORE_KERNELS

namespace {

constexpr float LOG_2_PI_OF_PRIOR = 0x1.d67f1cp+0f;

struct NormalDensity {
  double* log_p;
  NormalPrior prior;
  ConstPanels z;
  std::size_t R;

  template <bool WHOLE>
  AEVB_INLINE void run(const NormalDensity& op, std::size_t p, std::size_t i, int lanes) {
    const NormalLanes prior = load_prior<WHOLE>(op.prior, p * op.z.width + i, lanes);
    const F32 precision = exp(-prior.log_variance);
    const F32 constant = set(LOG_2_PI_OF_PRIOR) + prior.log_variance;
    for (std::size_t r = 0; r < op.R; ++r) {
      const F32 difference = load_lanes<WHOLE>(row_of(op.z, p, r) + i, lanes) - prior.mean;
      op.log_p[r] -= 0.5 * column_sum<WHOLE>(fma(difference * precision, difference, constant), lanes);
    }
  }
};

struct NormalDensityBackward {
  Panels dz, dprior;
  NormalPrior prior;
  ConstPanels z;
  const float* weight;
  std::size_t R, Z;

  template <bool WHOLE>
  AEVB_INLINE void run(const NormalDensityBackward& op, std::size_t p, std::size_t i, int lanes) {
    const std::size_t col = p * op.z.width + i;
    const NormalLanes prior = load_prior<WHOLE>(op.prior, col, lanes);
    const F32 precision = exp(-prior.log_variance);
    const bool learned = op.prior.learned_mean != nullptr;
    const Place mean_place = learned ? place_of(col, op.dprior.width) : Place{};
    const Place variance_place = learned ? place_of(op.Z + col, op.dprior.width) : Place{};
    for (std::size_t r = 0; r < op.R; ++r) {
      const F32 weight = set(op.weight[r]);
      const F32 difference = load_lanes<WHOLE>(row_of(op.z, p, r) + i, lanes) - prior.mean;
      const F32 slope = difference * precision;
      add_lanes<WHOLE>(row_of(op.dz, p, r) + i, -(weight * slope), lanes);
      if (learned) {
        put_columns<WHOLE>(op.dprior, r, mean_place, weight * slope, lanes);
        put_columns<WHOLE>(op.dprior, r, variance_place, weight * set(0.5f) * fma(slope, difference, set(-1.0f)),
                           lanes);
      }
    }
  }
};

// Rows that share one computation of a component's precisions.
constexpr std::size_t MIXTURE_ROWS = 16;

// log Σ exp(logits).
AEVB_INLINE double log_sum_exp(const float* logits, std::size_t K) {
  double top = static_cast<double>(logits[0]);
  for (std::size_t k = 1; k < K; ++k) {
    if (static_cast<double>(logits[k]) > top) top = static_cast<double>(logits[k]);
  }
  double total = 0.0;
  for (std::size_t k = 0; k < K; ++k) total += std::exp(static_cast<double>(logits[k]) - top);
  return top + std::log(total);
}

struct ComponentDensity {
  double* log_p;                     // [rows]
  const float *mean, *log_variance;  // [Z]
  ConstPanels z;                     // from the block's first row on
  std::size_t rows;

  template <bool WHOLE>
  AEVB_INLINE void run(const ComponentDensity& op, std::size_t p, std::size_t i, int lanes) {
    const std::size_t col = p * op.z.width + i;
    const F32 mean = load_lanes<WHOLE>(op.mean + col, lanes);
    const F32 log_variance = load_lanes<WHOLE>(op.log_variance + col, lanes);
    const F32 precision = exp(-log_variance);
    const F32 constant = set(LOG_2_PI_OF_PRIOR) + log_variance;
    for (std::size_t r = 0; r < op.rows; ++r) {
      const F32 difference = load_lanes<WHOLE>(row_of(op.z, p, r) + i, lanes) - mean;
      op.log_p[r] -= 0.5 * column_sum<WHOLE>(fma(difference * precision, difference, constant), lanes);
    }
  }
};

// log_p[rows] = log π_k N(z; mean_k, …).
AEVB_INLINE void component_log_density(double* log_p, const MixturePrior& prior, std::size_t k, double log_total,
                                       ConstPanels z, std::size_t rows, std::size_t Z) {
  for (std::size_t r = 0; r < rows; ++r) log_p[r] = static_cast<double>(prior.logits[k]) - log_total;
  each_vector(ComponentDensity{log_p, prior.mean + k * Z, prior.log_variance + k * Z, z, rows}, Z, z.width);
}

// Goes through the components once and keeps the sum and the largest exponent so far: no buffer holds all exponents.
AEVB_INLINE void mixture_block(double* log_p, const MixturePrior& prior, double log_total, ConstPanels z,
                               std::size_t rows, std::size_t Z) {
  double top[MIXTURE_ROWS], total[MIXTURE_ROWS], component[MIXTURE_ROWS];
  component_log_density(top, prior, 0, log_total, z, rows, Z);
  for (std::size_t r = 0; r < rows; ++r) total[r] = 1.0;
  for (std::size_t k = 1; k < prior.components; ++k) {
    component_log_density(component, prior, k, log_total, z, rows, Z);
    for (std::size_t r = 0; r < rows; ++r) {
      if (component[r] <= top[r]) {
        total[r] += std::exp(component[r] - top[r]);
      } else {  // also if one of them is NaN: the sum stays NaN
        total[r] = total[r] * std::exp(top[r] - component[r]) + 1.0;
        top[r] = component[r];
      }
    }
  }
  for (std::size_t r = 0; r < rows; ++r) log_p[r] = top[r] + std::log(total[r]);
}

struct ComponentBackward {
  Panels dz, dprior;                 // from the block's first row on
  const float *mean, *log_variance;  // [Z]
  ConstPanels z;
  const float* weight;  // [rows], multiplied by the responsibility
  std::size_t rows, first_mean, first_log_variance;

  template <bool WHOLE>
  AEVB_INLINE void run(const ComponentBackward& op, std::size_t p, std::size_t i, int lanes) {
    const std::size_t col = p * op.z.width + i;
    const F32 mean = load_lanes<WHOLE>(op.mean + col, lanes);
    const F32 precision = exp(-load_lanes<WHOLE>(op.log_variance + col, lanes));
    const Place mean_place = place_of(op.first_mean + col, op.dprior.width);
    const Place variance_place = place_of(op.first_log_variance + col, op.dprior.width);
    for (std::size_t r = 0; r < op.rows; ++r) {
      const F32 weight = set(op.weight[r]);
      const F32 difference = load_lanes<WHOLE>(row_of(op.z, p, r) + i, lanes) - mean;
      const F32 slope = difference * precision;
      add_lanes<WHOLE>(row_of(op.dz, p, r) + i, -(weight * slope), lanes);
      put_columns<WHOLE>(op.dprior, r, mean_place, weight * slope, lanes);
      put_columns<WHOLE>(op.dprior, r, variance_place, weight * set(0.5f) * fma(slope, difference, set(-1.0f)), lanes);
    }
  }
};

}  // namespace

void normal_log_density(double* log_p, const NormalPrior& prior, ConstPanels z, std::size_t R, std::size_t Z) {
  for (std::size_t r = 0; r < R; ++r) log_p[r] = 0.0;
  each_vector(NormalDensity{log_p, prior, z, R}, Z, z.width);
}

void normal_log_density_backward(Panels dz, Panels dprior, const NormalPrior& prior, ConstPanels z, const float* weight,
                                 std::size_t R, std::size_t Z) {
  each_vector(NormalDensityBackward{dz, dprior, prior, z, weight, R, Z}, Z, z.width);
  if (prior.learned_mean != nullptr) zero_padding_of(dprior, R, 2 * Z);
}

void mixture_log_density(double* log_p, const MixturePrior& prior, ConstPanels z, std::size_t R, std::size_t Z) {
  const double log_total = log_sum_exp(prior.logits, prior.components);
  for (std::size_t first = 0; first < R; first += MIXTURE_ROWS) {
    const std::size_t rows = R - first < MIXTURE_ROWS ? R - first : MIXTURE_ROWS;
    mixture_block(log_p + first, prior, log_total, z.from_row(first), rows, Z);
  }
}

void mixture_log_density_backward(Panels dz, Panels dprior, const MixturePrior& prior, ConstPanels z,
                                  const float* weight, std::size_t R, std::size_t Z) {
  const std::size_t K = prior.components;
  const double log_total = log_sum_exp(prior.logits, K);
  for (std::size_t first = 0; first < R; first += MIXTURE_ROWS) {
    const std::size_t rows = R - first < MIXTURE_ROWS ? R - first : MIXTURE_ROWS;
    double log_p[MIXTURE_ROWS], component[MIXTURE_ROWS];
    float weights[MIXTURE_ROWS];
    mixture_block(log_p, prior, log_total, z.from_row(first), rows, Z);
    for (std::size_t k = 0; k < K; ++k) {
      component_log_density(component, prior, k, log_total, z.from_row(first), rows, Z);
      const double share = std::exp(static_cast<double>(prior.logits[k]) - log_total);
      const Place place = place_of(k, dprior.width);
      for (std::size_t r = 0; r < rows; ++r) {
        const double responsibility = std::exp(component[r] - log_p[r]);
        const double scale = static_cast<double>(weight[first + r]);
        weights[r] = static_cast<float>(scale * responsibility);
        row_of(dprior, place.panel, first + r)[place.col] = static_cast<float>(scale * (responsibility - share));
      }
      each_vector(
          ComponentBackward{dz.from_row(first), dprior.from_row(first), prior.mean + k * Z, prior.log_variance + k * Z,
                            z.from_row(first), weights, rows, K + k * Z, K + K * Z + k * Z},
          Z, z.width);
    }
  }
  zero_padding_of(dprior, R, K + 2 * K * Z);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void normal_log_density(double* log_p, const NormalPrior& prior, ConstPanels z, std::size_t R, std::size_t Z) {
  AEVB_DISPATCH(normal_log_density)(log_p, prior, z, R, Z);
}

void normal_log_density_backward(Panels dz, Panels dprior, const NormalPrior& prior, ConstPanels z, const float* weight,
                                 std::size_t R, std::size_t Z) {
  AEVB_DISPATCH(normal_log_density_backward)(dz, dprior, prior, z, weight, R, Z);
}

void mixture_log_density(double* log_p, const MixturePrior& prior, ConstPanels z, std::size_t R, std::size_t Z) {
  AEVB_DISPATCH(mixture_log_density)(log_p, prior, z, R, Z);
}

void mixture_log_density_backward(Panels dz, Panels dprior, const MixturePrior& prior, ConstPanels z,
                                  const float* weight, std::size_t R, std::size_t Z) {
  AEVB_DISPATCH(mixture_log_density_backward)(dz, dprior, prior, z, weight, R, Z);
}

}  // namespace aevb
#endif
