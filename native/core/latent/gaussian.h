// The Gaussian posterior q(z|x) = N(mean, diag(exp(logVariance))) with the prior p(z) = N(0, I).
// Kingma and Welling, Auto-Encoding Variational Bayes (2014), section 2.4 and appendix B.
//
// z = mean + exp(logVariance / 2) ⊙ epsilon is drawn by latent/location_scale.h. B data, L draws of each, Z latent
// units. Row b L + l of dz and of epsilon is draw l of datum b.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// kl[B] = KL(q(z|x) ‖ p(z)) = ½ Σ (σ² + mean² − 1 − log σ²), nats; overwrites.
void gaussian_kl(double* kl, ConstPanels mean, ConstPanels log_variance, std::size_t B, std::size_t Z);

// The gradients of  f(z) + kl_scale · KL  given dz = ∂f/∂z [B L, Z]; overwrites dmean and dlog_variance [B, Z]:
//   dmean         = Σ_l dz + kl_scale · mean
//   dlog_variance = Σ_l dz ⊙ epsilon ⊙ σ/2 + kl_scale · (σ² − 1)/2
void gaussian_backward(Panels dmean, Panels dlog_variance, ConstPanels dz, ConstPanels epsilon, ConstPanels mean,
                       ConstPanels log_variance, float kl_scale, std::size_t B, std::size_t L, std::size_t Z);

}  // namespace aevb
