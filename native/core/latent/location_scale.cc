#include "latent/location_scale.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "latent/location_scale.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

// Uses the headers above.
#include "latent/lanes.h"

AEVB_BEFORE_KERNELS

namespace {

// LOG_SCALE · spread = log σ. VARIANCE is the variance of f. `divergence` is c e^ρ − ρ plus twice the constant in the
// equation of location_scale_kl, and `slope` is its derivative by ρ.
struct GaussianFamily {
  static constexpr float LOG_SCALE = 0.5f;
  AEVB_INLINE F32 log_density(F32 u) {
    return set(-0.5f) * fma(u, u, set(0x1.d67f1cp+0f));  // log 2π
  }
  AEVB_INLINE F32 score(F32 u) { return -u; }
  // expm1 keeps it exact if ρ is near 0.
  AEVB_INLINE F32 divergence(F32 rho) { return expm1(rho) - rho; }
  AEVB_INLINE F32 slope(F32 rho) { return expm1(rho); }
};

struct LaplaceFamily {
  static constexpr float LOG_SCALE = 1.0f;
  AEVB_INLINE F32 log_density(F32 u) { return -abs(u) - set(LN2); }
  // NaN is neither below 0 nor above it, and stays NaN.
  AEVB_INLINE F32 score(F32 u) { return select(less(u, zero()), set(1.0f), select(less(zero(), u), set(-1.0f), -u)); }
  AEVB_INLINE F32 divergence(F32 rho) {
    return fma(set(2.0f), exp(rho), set(-0x1.8c6514p+0f) - rho);  // log 2π − 2 log 2 − 2
  }
  AEVB_INLINE F32 slope(F32 rho) { return fma(set(2.0f), exp(rho), set(-1.0f)); }
};

struct LogisticFamily {
  static constexpr float LOG_SCALE = 1.0f;
  static constexpr float VARIANCE = 0x1.a51a66p+1f;  // π²/3
  AEVB_INLINE F32 log_density(F32 u) {
    const F32 a = abs(u);
    return fnma(set(2.0f), log1p_of_unit(exp_minus(a)), -a);
  }
  AEVB_INLINE F32 score(F32 u) { return -tanh(set(0.5f) * u); }
  AEVB_INLINE F32 divergence(F32 rho) {
    return fma(set(VARIANCE), exp(rho), set(-0x1.14c072p+1f) - rho);  // log 2π − 4
  }
  AEVB_INLINE F32 slope(F32 rho) { return fma(set(VARIANCE), exp(rho), set(-1.0f)); }
};

template <typename Family>
AEVB_INLINE F32 deviation_of(F32 spread) {
  return exp(set(Family::LOG_SCALE) * spread);
}

template <typename Family>
struct LocationScaleSample {
  Panels z;
  ConstPanels mean, spread, epsilon;
  std::size_t B, L;

  template <bool WHOLE>
  AEVB_INLINE void run(const LocationScaleSample& op, std::size_t p, std::size_t i, int lanes) {
    for (std::size_t b = 0; b < op.B; ++b) {
      const F32 center = load_lanes<WHOLE>(row_of(op.mean, p, b) + i, lanes);
      float* z = row_of(op.z, p, b * op.L) + i;
      if (op.epsilon.data == nullptr) {
        for (std::size_t l = 0; l < op.L; ++l) store_lanes<WHOLE>(z + l * op.z.width, center, lanes);
        continue;
      }
      const F32 deviation = deviation_of<Family>(load_lanes<WHOLE>(row_of(op.spread, p, b) + i, lanes));
      const float* epsilon = row_of(op.epsilon, p, b * op.L) + i;
      for (std::size_t l = 0; l < op.L; ++l) {
        const F32 noise = load_lanes<WHOLE>(epsilon + l * op.epsilon.width, lanes);
        store_lanes<WHOLE>(z + l * op.z.width, fma(deviation, noise, center), lanes);
      }
    }
  }
};

template <typename Family>
struct LocationScaleSampleBackward {
  Panels dmean, dspread;
  ConstPanels spread, epsilon, dz;
  std::size_t B, L;

  template <bool WHOLE>
  AEVB_INLINE void run(const LocationScaleSampleBackward& op, std::size_t p, std::size_t i, int lanes) {
    for (std::size_t b = 0; b < op.B; ++b) {
      const float* dz_row = row_of(op.dz, p, b * op.L) + i;
      F32 dmean = zero();
      F32 dspread = zero();
      for (std::size_t l = 0; l < op.L; ++l) dmean = dmean + load_lanes<WHOLE>(dz_row + l * op.dz.width, lanes);
      if (op.epsilon.data != nullptr) {
        const float* epsilon = row_of(op.epsilon, p, b * op.L) + i;
        for (std::size_t l = 0; l < op.L; ++l) {
          dspread = fma(load_lanes<WHOLE>(dz_row + l * op.dz.width, lanes),
                        load_lanes<WHOLE>(epsilon + l * op.epsilon.width, lanes), dspread);
        }
        const F32 deviation = deviation_of<Family>(load_lanes<WHOLE>(row_of(op.spread, p, b) + i, lanes));
        dspread = dspread * (set(Family::LOG_SCALE) * deviation);
      }
      store_lanes<WHOLE>(row_of(op.dmean, p, b) + i, dmean, lanes);
      store_lanes<WHOLE>(row_of(op.dspread, p, b) + i, dspread, lanes);
    }
  }
};

// The columns of one datum. standardized() gives u of one of its draws.
struct DatumLanes {
  F32 mean, spread, precision;  // 1/σ
};
template <typename Family, bool WHOLE>
AEVB_INLINE DatumLanes load_datum(ConstPanels mean, ConstPanels spread, std::size_t p, std::size_t b, std::size_t i,
                                  int lanes) {
  const F32 log_spread = load_lanes<WHOLE>(row_of(spread, p, b) + i, lanes);
  return {load_lanes<WHOLE>(row_of(mean, p, b) + i, lanes), log_spread, exp(set(-Family::LOG_SCALE) * log_spread)};
}
template <bool WHOLE>
AEVB_INLINE F32 standardized(const DatumLanes& datum, ConstPanels z, ConstPanels epsilon, std::size_t p, std::size_t r,
                             std::size_t i, int lanes) {
  if (epsilon.data != nullptr) return load_lanes<WHOLE>(row_of(epsilon, p, r) + i, lanes);
  return (load_lanes<WHOLE>(row_of(z, p, r) + i, lanes) - datum.mean) * datum.precision;
}

template <typename Family>
struct LocationScaleDensity {
  double* log_q;
  ConstPanels mean, spread, z, epsilon;
  std::size_t B, L;

  template <bool WHOLE>
  AEVB_INLINE void run(const LocationScaleDensity& op, std::size_t p, std::size_t i, int lanes) {
    for (std::size_t b = 0; b < op.B; ++b) {
      const DatumLanes datum = load_datum<Family, WHOLE>(op.mean, op.spread, p, b, i, lanes);
      for (std::size_t r = b * op.L; r < (b + 1) * op.L; ++r) {
        const F32 u = standardized<WHOLE>(datum, op.z, op.epsilon, p, r, i, lanes);
        op.log_q[r] += column_sum<WHOLE>(fnma(set(Family::LOG_SCALE), datum.spread, Family::log_density(u)), lanes);
      }
    }
  }
};

template <typename Family>
struct LocationScaleDensityBackwardZ {
  Panels dz;
  ConstPanels mean, spread, z, epsilon;
  const float* weight;
  std::size_t B, L;

  template <bool WHOLE>
  AEVB_INLINE void run(const LocationScaleDensityBackwardZ& op, std::size_t p, std::size_t i, int lanes) {
    for (std::size_t b = 0; b < op.B; ++b) {
      const DatumLanes datum = load_datum<Family, WHOLE>(op.mean, op.spread, p, b, i, lanes);
      for (std::size_t r = b * op.L; r < (b + 1) * op.L; ++r) {
        const F32 u = standardized<WHOLE>(datum, op.z, op.epsilon, p, r, i, lanes);
        add_lanes<WHOLE>(row_of(op.dz, p, r) + i, set(op.weight[r]) * (Family::score(u) * datum.precision), lanes);
      }
    }
  }
};

template <typename Family>
struct LocationScaleDensityBackwardHeads {
  Panels dmean, dspread;
  ConstPanels mean, spread, z, epsilon;
  const float* weight;
  std::size_t B, L;

  template <bool WHOLE>
  AEVB_INLINE void run(const LocationScaleDensityBackwardHeads& op, std::size_t p, std::size_t i, int lanes) {
    for (std::size_t b = 0; b < op.B; ++b) {
      const DatumLanes datum = load_datum<Family, WHOLE>(op.mean, op.spread, p, b, i, lanes);
      F32 dmean = zero();
      F32 dspread = zero();
      for (std::size_t r = b * op.L; r < (b + 1) * op.L; ++r) {
        const F32 u = standardized<WHOLE>(datum, op.z, op.epsilon, p, r, i, lanes);
        const F32 score = Family::score(u);
        dmean = fnma(set(op.weight[r]), score, dmean);
        dspread = fnma(set(op.weight[r]), fma(u, score, set(1.0f)), dspread);
      }
      add_lanes<WHOLE>(row_of(op.dmean, p, b) + i, dmean * datum.precision, lanes);
      add_lanes<WHOLE>(row_of(op.dspread, p, b) + i, set(Family::LOG_SCALE) * dspread, lanes);
    }
  }
};

template <typename Family>
struct LocationScaleKl {
  double* kl;
  ConstPanels mean, spread;
  NormalPrior prior;
  std::size_t dimensions, B;

  template <bool WHOLE>
  AEVB_INLINE void run(const LocationScaleKl& op, std::size_t p, std::size_t i, int lanes) {
    const std::size_t col = p * op.mean.width + i;
    const NormalLanes prior = load_prior<WHOLE>(op.prior, col, lanes);
    const F32 precision = exp(-prior.log_variance);
    for (std::size_t b = 0; b < op.B; ++b) {
      const F32 difference = load_lanes<WHOLE>(row_of(op.mean, p, b) + i, lanes) - prior.mean;
      const F32 spread = load_lanes<WHOLE>(row_of(op.spread, p, b) + i, lanes);
      const F32 rho = fma(set(2.0f * Family::LOG_SCALE), spread, -prior.log_variance);
      const F32 twice = fma(difference * precision, difference, Family::divergence(rho));
      if (op.dimensions == 1) {
        op.kl[b] += 0.5 * column_sum<WHOLE>(twice, lanes);
      } else {
        float each[F32::size];
        store(each, twice);
        double* kl = op.kl + b * op.dimensions + col;
        for (int lane = 0; lane < lanes; ++lane) kl[lane] = 0.5 * static_cast<double>(each[lane]);
      }
    }
  }
};

template <typename Family>
struct LocationScaleKlBackward {
  Panels dmean, dspread, dprior;
  ConstPanels mean, spread;
  NormalPrior prior;
  const float* weight;
  std::size_t dimensions, B, Z;

  template <bool WHOLE>
  AEVB_INLINE void run(const LocationScaleKlBackward& op, std::size_t p, std::size_t i, int lanes) {
    const std::size_t col = p * op.mean.width + i;
    const NormalLanes prior = load_prior<WHOLE>(op.prior, col, lanes);
    const F32 precision = exp(-prior.log_variance);
    const F32 weight = op.dimensions == 1 ? set(op.weight[0]) : load_lanes<WHOLE>(op.weight + col, lanes);
    const bool learned = op.prior.learned_mean != nullptr;
    const Place mean_place = learned ? place_of(col, op.dprior.width) : Place{};
    const Place variance_place = learned ? place_of(op.Z + col, op.dprior.width) : Place{};
    for (std::size_t b = 0; b < op.B; ++b) {
      const F32 difference = load_lanes<WHOLE>(row_of(op.mean, p, b) + i, lanes) - prior.mean;
      const F32 spread = load_lanes<WHOLE>(row_of(op.spread, p, b) + i, lanes);
      const F32 dmean = difference * precision;
      const F32 slope = Family::slope(fma(set(2.0f * Family::LOG_SCALE), spread, -prior.log_variance));
      add_lanes<WHOLE>(row_of(op.dmean, p, b) + i, weight * dmean, lanes);
      add_lanes<WHOLE>(row_of(op.dspread, p, b) + i, weight * (set(Family::LOG_SCALE) * slope), lanes);
      if (learned) {
        put_columns<WHOLE>(op.dprior, b, mean_place, -(weight * dmean), lanes);
        put_columns<WHOLE>(op.dprior, b, variance_place, weight * (set(-0.5f) * fma(difference, dmean, slope)), lanes);
      }
    }
  }
};

template <template <typename> class Op, typename... Args>
AEVB_INLINE void by_family(PosteriorType family, std::size_t Z, std::size_t width, Args... args) {
  switch (family) {
    case PosteriorType::laplace:
      each_vector(Op<LaplaceFamily>{args...}, Z, width);
      break;
    case PosteriorType::logistic:
      each_vector(Op<LogisticFamily>{args...}, Z, width);
      break;
    default:
      each_vector(Op<GaussianFamily>{args...}, Z, width);
      break;
  }
}

}  // namespace

void location_scale_sample(Panels z, PosteriorType family, ConstPanels mean, ConstPanels spread, ConstPanels epsilon,
                           std::size_t B, std::size_t L, std::size_t Z) {
  by_family<LocationScaleSample>(family, Z, z.width, z, mean, spread, epsilon, B, L);
  zero_padding_of(z, B * L, Z);
}

void location_scale_sample_backward(Panels dmean, Panels dspread, PosteriorType family, ConstPanels spread,
                                    ConstPanels epsilon, ConstPanels dz, std::size_t B, std::size_t L, std::size_t Z) {
  by_family<LocationScaleSampleBackward>(family, Z, dmean.width, dmean, dspread, spread, epsilon, dz, B, L);
  zero_padding_of(dmean, B, Z);
  zero_padding_of(dspread, B, Z);
}

void location_scale_log_density(double* log_q, PosteriorType family, ConstPanels mean, ConstPanels spread,
                                ConstPanels z, ConstPanels epsilon, std::size_t B, std::size_t L, std::size_t Z) {
  for (std::size_t r = 0; r < B * L; ++r) log_q[r] = 0.0;
  by_family<LocationScaleDensity>(family, Z, mean.width, log_q, mean, spread, z, epsilon, B, L);
}

void location_scale_log_density_backward_z(Panels dz, PosteriorType family, ConstPanels mean, ConstPanels spread,
                                           ConstPanels z, ConstPanels epsilon, const float* weight, std::size_t B,
                                           std::size_t L, std::size_t Z) {
  by_family<LocationScaleDensityBackwardZ>(family, Z, dz.width, dz, mean, spread, z, epsilon, weight, B, L);
}

void location_scale_log_density_backward_heads(Panels dmean, Panels dspread, PosteriorType family, ConstPanels mean,
                                               ConstPanels spread, ConstPanels z, ConstPanels epsilon,
                                               const float* weight, std::size_t B, std::size_t L, std::size_t Z) {
  by_family<LocationScaleDensityBackwardHeads>(family, Z, dmean.width, dmean, dspread, mean, spread, z, epsilon, weight,
                                               B, L);
}

void location_scale_kl(double* kl, PosteriorType family, ConstPanels mean, ConstPanels spread, const NormalPrior& prior,
                       std::size_t dimensions, std::size_t B, std::size_t Z) {
  if (dimensions == 1) {
    for (std::size_t b = 0; b < B; ++b) kl[b] = 0.0;
  }
  by_family<LocationScaleKl>(family, Z, mean.width, kl, mean, spread, prior, dimensions, B);
}

void location_scale_kl_backward(Panels dmean, Panels dspread, Panels dprior, PosteriorType family, ConstPanels mean,
                                ConstPanels spread, const NormalPrior& prior, const float* weight,
                                std::size_t dimensions, std::size_t B, std::size_t Z) {
  by_family<LocationScaleKlBackward>(family, Z, dmean.width, dmean, dspread, dprior, mean, spread, prior, weight,
                                     dimensions, B, Z);
  if (prior.learned_mean != nullptr) zero_padding_of(dprior, B, 2 * Z);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void location_scale_sample(Panels z, PosteriorType family, ConstPanels mean, ConstPanels spread, ConstPanels epsilon,
                           std::size_t B, std::size_t L, std::size_t Z) {
  AEVB_DISPATCH(location_scale_sample)(z, family, mean, spread, epsilon, B, L, Z);
}

void location_scale_sample_backward(Panels dmean, Panels dspread, PosteriorType family, ConstPanels spread,
                                    ConstPanels epsilon, ConstPanels dz, std::size_t B, std::size_t L, std::size_t Z) {
  AEVB_DISPATCH(location_scale_sample_backward)(dmean, dspread, family, spread, epsilon, dz, B, L, Z);
}

void location_scale_log_density(double* log_q, PosteriorType family, ConstPanels mean, ConstPanels spread,
                                ConstPanels z, ConstPanels epsilon, std::size_t B, std::size_t L, std::size_t Z) {
  AEVB_DISPATCH(location_scale_log_density)(log_q, family, mean, spread, z, epsilon, B, L, Z);
}

void location_scale_log_density_backward_z(Panels dz, PosteriorType family, ConstPanels mean, ConstPanels spread,
                                           ConstPanels z, ConstPanels epsilon, const float* weight, std::size_t B,
                                           std::size_t L, std::size_t Z) {
  AEVB_DISPATCH(location_scale_log_density_backward_z)(dz, family, mean, spread, z, epsilon, weight, B, L, Z);
}

void location_scale_log_density_backward_heads(Panels dmean, Panels dspread, PosteriorType family, ConstPanels mean,
                                               ConstPanels spread, ConstPanels z, ConstPanels epsilon,
                                               const float* weight, std::size_t B, std::size_t L, std::size_t Z) {
  AEVB_DISPATCH(location_scale_log_density_backward_heads)
  (dmean, dspread, family, mean, spread, z, epsilon, weight, B, L, Z);
}

void location_scale_kl(double* kl, PosteriorType family, ConstPanels mean, ConstPanels spread, const NormalPrior& prior,
                       std::size_t dimensions, std::size_t B, std::size_t Z) {
  AEVB_DISPATCH(location_scale_kl)(kl, family, mean, spread, prior, dimensions, B, Z);
}

void location_scale_kl_backward(Panels dmean, Panels dspread, Panels dprior, PosteriorType family, ConstPanels mean,
                                ConstPanels spread, const NormalPrior& prior, const float* weight,
                                std::size_t dimensions, std::size_t B, std::size_t Z) {
  AEVB_DISPATCH(location_scale_kl_backward)
  (dmean, dspread, dprior, family, mean, spread, prior, weight, dimensions, B, Z);
}

}  // namespace aevb
#endif
