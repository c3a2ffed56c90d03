// Bernoulli variables, relaxed to numbers between 0 and 1: q(z = 1|x) = sigmoid(logits),
//   z = sigmoid((logits + ε)/temperature) with standard logistic ε.
// Maddison et al., The Concrete Distribution (2017), appendix C.3.
//
// B data, L draws of each, U variables; logits [B, U], z and epsilon [B L, U]. `weight` is a float for each of the B L
// rows.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// z[B L, U]; overwrites. If epsilon.data is null, ε is 0. hard: 1 if logits + ε > 0 and 0 otherwise, which is an
// exact draw of q; NaN stays NaN.
void bernoulli_latent_sample(Panels z, ConstPanels logits, ConstPanels epsilon, float temperature, bool hard,
                             std::size_t B, std::size_t L, std::size_t U);

// dlogits[B, U] = Σ_l dz y (1 − y)/temperature with the relaxed y, even if z was drawn `hard`; overwrites, with zeros
// as padding.
void bernoulli_latent_sample_backward(Panels dlogits, ConstPanels logits, ConstPanels epsilon, ConstPanels dz,
                                      float temperature, std::size_t B, std::size_t L, std::size_t U);

// log_q[B L] = Σ z logits − log(1 + e^logits), nats: log q(z|x) if z is 0 or 1, and linear in z in between; overwrites.
void bernoulli_latent_log_mass(double* log_q, ConstPanels logits, ConstPanels z, std::size_t B, std::size_t L,
                               std::size_t U);

// dz[B L, U] += weight · logits
void bernoulli_latent_log_mass_backward_z(Panels dz, ConstPanels logits, const float* weight, std::size_t B,
                                          std::size_t L, std::size_t U);

// dlogits[B, U] += Σ_l weight · (z − sigmoid(logits))
void bernoulli_latent_log_mass_backward_logits(Panels dlogits, ConstPanels logits, ConstPanels z, const float* weight,
                                               std::size_t B, std::size_t L, std::size_t U);

// kl[B, U] = p log 2p + (1 − p) log 2(1 − p) with p = sigmoid(logits), the divergence from equal probabilities;
// overwrites.
void bernoulli_latent_kl(double* kl, ConstPanels logits, std::size_t B, std::size_t U);

// dlogits[B, U] += weight[U] · p (1 − p) logits
void bernoulli_latent_kl_backward(Panels dlogits, ConstPanels logits, const float* weight, std::size_t B,
                                  std::size_t U);

}  // namespace aevb
