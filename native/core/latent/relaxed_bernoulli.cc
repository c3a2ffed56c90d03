#include "latent/relaxed_bernoulli.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "latent/kind.h"
#include "latent/prior.h"

#define AEVB_KERNEL_FILE "latent/relaxed_bernoulli.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

// Uses the headers above.
#include "latent/lanes.h"

AEVB_BEFORE_KERNELS

namespace {

template <bool WHOLE>
AEVB_INLINE F32 perturbed_logits(F32 logits, ConstPanels epsilon, std::size_t p, std::size_t r, std::size_t i,
                                 int lanes) {
  return epsilon.data == nullptr ? logits : logits + load_lanes<WHOLE>(row_of(epsilon, p, r) + i, lanes);
}

// p (1 − p) with p = sigmoid(x), given e = e^−|x|.
AEVB_INLINE F32 sigmoid_slope(F32 e) {
  const F32 total = set(1.0f) + e;
  return e / (total * total);
}

struct BernoulliSample {
  Panels z;
  ConstPanels logits, epsilon;
  float per_temperature;
  bool hard;
  std::size_t B, L;

  template <bool WHOLE>
  AEVB_INLINE void run(const BernoulliSample& op, std::size_t p, std::size_t i, int lanes) {
    for (std::size_t b = 0; b < op.B; ++b) {
      const F32 logits = load_lanes<WHOLE>(row_of(op.logits, p, b) + i, lanes);
      for (std::size_t r = b * op.L; r < (b + 1) * op.L; ++r) {
        const F32 v = perturbed_logits<WHOLE>(logits, op.epsilon, p, r, i, lanes);
        F32 z = op.hard ? select(less(zero(), v), set(1.0f), zero()) : sigmoid(set(op.per_temperature) * v);
        z = select(is_nan(v), v, z);
        store_lanes<WHOLE>(row_of(op.z, p, r) + i, z, lanes);
      }
    }
  }
};

struct BernoulliSampleBackward {
  Panels dlogits;
  ConstPanels logits, epsilon, dz;
  float per_temperature;
  std::size_t B, L;

  template <bool WHOLE>
  AEVB_INLINE void run(const BernoulliSampleBackward& op, std::size_t p, std::size_t i, int lanes) {
    for (std::size_t b = 0; b < op.B; ++b) {
      const F32 logits = load_lanes<WHOLE>(row_of(op.logits, p, b) + i, lanes);
      F32 total = zero();
      for (std::size_t r = b * op.L; r < (b + 1) * op.L; ++r) {
        const F32 v = set(op.per_temperature) * perturbed_logits<WHOLE>(logits, op.epsilon, p, r, i, lanes);
        total = fma(load_lanes<WHOLE>(row_of(op.dz, p, r) + i, lanes), sigmoid_slope(exp_minus(abs(v))), total);
      }
      store_lanes<WHOLE>(row_of(op.dlogits, p, b) + i, set(op.per_temperature) * total, lanes);
    }
  }
};

struct BernoulliLogMass {
  double* log_q;
  ConstPanels logits, z;
  std::size_t B, L;

  template <bool WHOLE>
  AEVB_INLINE void run(const BernoulliLogMass& op, std::size_t p, std::size_t i, int lanes) {
    for (std::size_t b = 0; b < op.B; ++b) {
      const F32 logits = load_lanes<WHOLE>(row_of(op.logits, p, b) + i, lanes);
      const F32 log_total = softplus(logits);
      for (std::size_t r = b * op.L; r < (b + 1) * op.L; ++r) {
        const F32 z = load_lanes<WHOLE>(row_of(op.z, p, r) + i, lanes);
        op.log_q[r] += column_sum<WHOLE>(fma(z, logits, -log_total), lanes);
      }
    }
  }
};

struct BernoulliLogMassBackwardZ {
  Panels dz;
  ConstPanels logits;
  const float* weight;
  std::size_t B, L;

  template <bool WHOLE>
  AEVB_INLINE void run(const BernoulliLogMassBackwardZ& op, std::size_t p, std::size_t i, int lanes) {
    for (std::size_t b = 0; b < op.B; ++b) {
      const F32 logits = load_lanes<WHOLE>(row_of(op.logits, p, b) + i, lanes);
      for (std::size_t r = b * op.L; r < (b + 1) * op.L; ++r) {
        add_lanes<WHOLE>(row_of(op.dz, p, r) + i, set(op.weight[r]) * logits, lanes);
      }
    }
  }
};

struct BernoulliLogMassBackwardLogits {
  Panels dlogits;
  ConstPanels logits, z;
  const float* weight;
  std::size_t B, L;

  template <bool WHOLE>
  AEVB_INLINE void run(const BernoulliLogMassBackwardLogits& op, std::size_t p, std::size_t i, int lanes) {
    for (std::size_t b = 0; b < op.B; ++b) {
      const F32 mean = sigmoid(load_lanes<WHOLE>(row_of(op.logits, p, b) + i, lanes));
      F32 total = zero();
      for (std::size_t r = b * op.L; r < (b + 1) * op.L; ++r) {
        total = fma(set(op.weight[r]), load_lanes<WHOLE>(row_of(op.z, p, r) + i, lanes) - mean, total);
      }
      add_lanes<WHOLE>(row_of(op.dlogits, p, b) + i, total, lanes);
    }
  }
};

// log 2 − |l| e/(1 + e) − log(1 + e) with e = e^−|l|: no large terms cancel if |l| is large.
struct BernoulliKl {
  double* kl;
  ConstPanels logits;
  std::size_t B, U;

  template <bool WHOLE>
  AEVB_INLINE void run(const BernoulliKl& op, std::size_t p, std::size_t i, int lanes) {
    for (std::size_t b = 0; b < op.B; ++b) {
      const F32 a = abs(load_lanes<WHOLE>(row_of(op.logits, p, b) + i, lanes));
      const F32 e = exp_minus(a);
      float each[F32::size];
      store(each, set(LN2) - a * (e / (set(1.0f) + e)) - log1p_of_unit(e));
      double* kl = op.kl + b * op.U + p * op.logits.width + i;
      for (int lane = 0; lane < lanes; ++lane) kl[lane] = static_cast<double>(each[lane]);
    }
  }
};

struct BernoulliKlBackward {
  Panels dlogits;
  ConstPanels logits;
  const float* weight;
  std::size_t B;

  template <bool WHOLE>
  AEVB_INLINE void run(const BernoulliKlBackward& op, std::size_t p, std::size_t i, int lanes) {
    const F32 weight = load_lanes<WHOLE>(op.weight + p * op.logits.width + i, lanes);
    for (std::size_t b = 0; b < op.B; ++b) {
      const F32 logits = load_lanes<WHOLE>(row_of(op.logits, p, b) + i, lanes);
      add_lanes<WHOLE>(row_of(op.dlogits, p, b) + i, weight * (logits * sigmoid_slope(exp_minus(abs(logits)))), lanes);
    }
  }
};

}  // namespace

void bernoulli_latent_sample(Panels z, ConstPanels logits, ConstPanels epsilon, float temperature, bool hard,
                             std::size_t B, std::size_t L, std::size_t U) {
  each_vector(BernoulliSample{z, logits, epsilon, 1.0f / temperature, hard, B, L}, U, z.width);
  zero_padding_of(z, B * L, U);
}

void bernoulli_latent_sample_backward(Panels dlogits, ConstPanels logits, ConstPanels epsilon, ConstPanels dz,
                                      float temperature, std::size_t B, std::size_t L, std::size_t U) {
  each_vector(BernoulliSampleBackward{dlogits, logits, epsilon, dz, 1.0f / temperature, B, L}, U, dlogits.width);
  zero_padding_of(dlogits, B, U);
}

void bernoulli_latent_log_mass(double* log_q, ConstPanels logits, ConstPanels z, std::size_t B, std::size_t L,
                               std::size_t U) {
  for (std::size_t r = 0; r < B * L; ++r) log_q[r] = 0.0;
  each_vector(BernoulliLogMass{log_q, logits, z, B, L}, U, z.width);
}

void bernoulli_latent_log_mass_backward_z(Panels dz, ConstPanels logits, const float* weight, std::size_t B,
                                          std::size_t L, std::size_t U) {
  each_vector(BernoulliLogMassBackwardZ{dz, logits, weight, B, L}, U, dz.width);
}

void bernoulli_latent_log_mass_backward_logits(Panels dlogits, ConstPanels logits, ConstPanels z, const float* weight,
                                               std::size_t B, std::size_t L, std::size_t U) {
  each_vector(BernoulliLogMassBackwardLogits{dlogits, logits, z, weight, B, L}, U, dlogits.width);
}

void bernoulli_latent_kl(double* kl, ConstPanels logits, std::size_t B, std::size_t U) {
  each_vector(BernoulliKl{kl, logits, B, U}, U, logits.width);
}

void bernoulli_latent_kl_backward(Panels dlogits, ConstPanels logits, const float* weight, std::size_t B,
                                  std::size_t U) {
  each_vector(BernoulliKlBackward{dlogits, logits, weight, B}, U, dlogits.width);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void bernoulli_latent_sample(Panels z, ConstPanels logits, ConstPanels epsilon, float temperature, bool hard,
                             std::size_t B, std::size_t L, std::size_t U) {
  AEVB_DISPATCH(bernoulli_latent_sample)(z, logits, epsilon, temperature, hard, B, L, U);
}

void bernoulli_latent_sample_backward(Panels dlogits, ConstPanels logits, ConstPanels epsilon, ConstPanels dz,
                                      float temperature, std::size_t B, std::size_t L, std::size_t U) {
  AEVB_DISPATCH(bernoulli_latent_sample_backward)(dlogits, logits, epsilon, dz, temperature, B, L, U);
}

void bernoulli_latent_log_mass(double* log_q, ConstPanels logits, ConstPanels z, std::size_t B, std::size_t L,
                               std::size_t U) {
  AEVB_DISPATCH(bernoulli_latent_log_mass)(log_q, logits, z, B, L, U);
}

void bernoulli_latent_log_mass_backward_z(Panels dz, ConstPanels logits, const float* weight, std::size_t B,
                                          std::size_t L, std::size_t U) {
  AEVB_DISPATCH(bernoulli_latent_log_mass_backward_z)(dz, logits, weight, B, L, U);
}

void bernoulli_latent_log_mass_backward_logits(Panels dlogits, ConstPanels logits, ConstPanels z, const float* weight,
                                               std::size_t B, std::size_t L, std::size_t U) {
  AEVB_DISPATCH(bernoulli_latent_log_mass_backward_logits)(dlogits, logits, z, weight, B, L, U);
}

void bernoulli_latent_kl(double* kl, ConstPanels logits, std::size_t B, std::size_t U) {
  AEVB_DISPATCH(bernoulli_latent_kl)(kl, logits, B, U);
}

void bernoulli_latent_kl_backward(Panels dlogits, ConstPanels logits, const float* weight, std::size_t B,
                                  std::size_t U) {
  AEVB_DISPATCH(bernoulli_latent_kl_backward)(dlogits, logits, weight, B, U);
}

const PosteriorKind BERNOULLI_POSTERIOR{
    .classes = [](const LatentSpec&) { return std::size_t{2}; },
    .heads =
        [](const LatentSpec& spec) {
          return std::vector<PosteriorHead>{{"logits", spec.units}};
        },
    .spread_bound = nullptr,
    .width = units_of,
    .dimensions = units_of,
    .scratch_floats = no_scratch,
    .noise = fill_logistic,
    .sample =
        [](Panels z, const LatentSpec& spec, const ConstPanels* heads, const LatentNoise& noise, std::size_t B,
           std::size_t L) {
          bernoulli_latent_sample(z, heads[0], noise.eps, noise.temperature, noise.hard, B, L, spec.units);
        },
    .sample_backward =
        [](const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads, const LatentNoise& noise,
           ConstPanels, ConstPanels dz, std::size_t B, std::size_t L) {
          bernoulli_latent_sample_backward(dheads[0], heads[0], noise.eps, dz, noise.temperature, B, L, spec.units);
        },
    .log_posterior = [](double* log_q, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z, ConstPanels,
                        std::size_t B,
                        std::size_t L) { bernoulli_latent_log_mass(log_q, heads[0], z, B, L, spec.units); },
    .log_posterior_backward_z =
        [](Panels dz, const LatentSpec& spec, const ConstPanels* heads, ConstPanels, ConstPanels, const float* weight,
           float*, std::size_t B,
           std::size_t L) { bernoulli_latent_log_mass_backward_z(dz, heads[0], weight, B, L, spec.units); },
    .log_posterior_backward_heads =
        [](const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z, ConstPanels,
           const float* weight, float*, std::size_t B, std::size_t L) {
          bernoulli_latent_log_mass_backward_logits(dheads[0], heads[0], z, weight, B, L, spec.units);
        },
    .kl = [](double* kl, const LatentSpec& spec, const ConstPanels* heads, const NormalPrior&,
             std::size_t B) { bernoulli_latent_kl(kl, heads[0], B, spec.units); },
    .kl_backward = [](const Panels* dheads, Panels, const LatentSpec& spec, const ConstPanels* heads,
                      const NormalPrior&, const float* weight,
                      std::size_t B) { bernoulli_latent_kl_backward(dheads[0], heads[0], weight, B, spec.units); },
};

}  // namespace aevb
#endif
