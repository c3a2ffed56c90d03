// How the terms become the one number that training minimises: the negative evidence lower bound with a weight on its
// KL divergence (Kingma and Welling 2014, eq. 10; beta: Higgins et al., beta-VAE (2017), eq. 4)
//
//   loss = (1/B) Σ_b [ (1/L) Σ_l −log p(x_b|z_bl)  +  beta · KL(q(z|x_b) ‖ p(z)) ]
#pragma once

#include <cstddef>

#include "spec.h"

namespace aevb {

// Averages over examples, nats.
struct Terms {
  double loss = 0.0, reconstruction = 0.0, kl = 0.0;
  std::size_t examples = 0;
};

// reconstruction[B L], kl[B], nats. Sums are double, in the order of the rows.
Terms elbo_terms(const double* reconstruction, const double* kl, std::size_t B, std::size_t L,
                 const ObjectiveSpec& objective);

// Adds a batch's averages to a sum over examples; elbo_average makes averages of that again.
void elbo_add(Terms& sum, const Terms& batch);
Terms elbo_average(const Terms& sum, const ObjectiveSpec& objective);

// ∂ loss / ∂ one row's term.
double reconstruction_scale(std::size_t B, std::size_t L);
double kl_scale(std::size_t B, const ObjectiveSpec& objective);

}  // namespace aevb
