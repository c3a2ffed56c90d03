// Densities of z that do not depend on a datum: diagonal Gaussians and mixtures of them.
//
// R rows of z, Z columns. A density is in nats, one double for each row; `weight` is a float for each row.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// N(mean, variance) in each dimension: N(0, 1) if all pointers are null, else constants or learned parameters.
struct NormalPrior {
  const double* mean = nullptr;                 // [Z]
  const double* variance = nullptr;             // [Z]
  const float* learned_mean = nullptr;          // [Z]
  const float* learned_log_variance = nullptr;  // [Z]
};

// log_p[R] = Σ −½ (log 2π + log v + (z − m)²/v); overwrites.
void normal_log_density(double* log_p, const NormalPrior& prior, ConstPanels z, std::size_t R, std::size_t Z);

// dz[R, Z] += weight · ∂log p/∂z. If the prior is learned, dprior[R, 2 Z] is overwritten with weight · ∂log p/∂m in
// its first Z columns and weight · ∂log p/∂log v in the others, and padded with zeros; else it is not touched.
void normal_log_density_backward(Panels dz, Panels dprior, const NormalPrior& prior, ConstPanels z, const float* weight,
                                 std::size_t R, std::size_t Z);

// Σ_k π_k N(mean_k, diag(exp(log_variance_k))) with π = softmax(logits).
struct MixturePrior {
  const float* logits = nullptr;        // [K]
  const float* mean = nullptr;          // [K, Z]
  const float* log_variance = nullptr;  // [K, Z]
  std::size_t components = 0;           // K ≥ 1
};

// log_p[R] = log Σ_k π_k N(z; mean_k, …); overwrites.
void mixture_log_density(double* log_p, const MixturePrior& prior, ConstPanels z, std::size_t R, std::size_t Z);

// dz[R, Z] += weight · ∂log p/∂z. dprior[R, K + 2 K Z] is overwritten with weight times the gradients of logits, mean
// and log_variance, one after another in its columns, and padded with zeros. With the responsibilities ρ_k = π_k N_k /
// Σ_j π_j N_j:
//   ∂z = Σ_k ρ_k (m_k − z)/v_k   ∂logits = ρ − π   ∂m_k = ρ_k (z − m_k)/v_k   ∂log v_k = ½ ρ_k ((z − m_k)²/v_k − 1)
void mixture_log_density_backward(Panels dz, Panels dprior, const MixturePrior& prior, ConstPanels z,
                                  const float* weight, std::size_t R, std::size_t Z);

}  // namespace aevb
