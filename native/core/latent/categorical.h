// Categorical variables, relaxed to points of the simplex: q(z = k|x) = softmax(logits)_k,
//   z = softmax((logits + ε)/temperature) with standard Gumbel ε.
// Jang et al., Categorical Reparameterization with Gumbel-Softmax (2017); Maddison et al., The Concrete Distribution
// (2017).
//
// B data, L draws of each, V variables of K ≥ 1 classes each. The variables' columns lie one after another:
// logits [B, V K], z and epsilon [B L, V K]. `weight` is a float for each of the B L rows.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// z[B L, V K]; overwrites. If epsilon.data is null, ε is 0. hard: 1 in the first column with the largest logits + ε and
// 0 in the others, which is an exact draw of q (NaN if a logit of the variable is NaN).
void categorical_latent_sample(Panels z, ConstPanels logits, ConstPanels epsilon, float temperature, bool hard,
                               std::size_t B, std::size_t L, std::size_t V, std::size_t K);

// dlogits_k[B, V K] = Σ_l y_k (dz_k − Σ_j y_j dz_j)/temperature with the relaxed y; overwrites, with zeros as padding.
// y is z; if z was drawn `hard`, y is computed again.
void categorical_latent_sample_backward(Panels dlogits, ConstPanels logits, ConstPanels epsilon, ConstPanels z,
                                        ConstPanels dz, float temperature, bool hard, std::size_t B, std::size_t L,
                                        std::size_t V, std::size_t K);

// log_q[B L] = Σ z_k log softmax(logits)_k, nats: log q(z|x) if z is a corner of the simplex, and linear in z
// in between; overwrites.
void categorical_latent_log_mass(double* log_q, ConstPanels logits, ConstPanels z, std::size_t B, std::size_t L,
                                 std::size_t V, std::size_t K);

// dz[B L, V K] += weight · log softmax(logits)
void categorical_latent_log_mass_backward_z(Panels dz, ConstPanels logits, const float* weight, std::size_t B,
                                            std::size_t L, std::size_t V, std::size_t K);

// dlogits_k[B, V K] += Σ_l weight · (z_k − softmax(logits)_k Σ_j z_j)
void categorical_latent_log_mass_backward_logits(Panels dlogits, ConstPanels logits, ConstPanels z, const float* weight,
                                                 std::size_t B, std::size_t L, std::size_t V, std::size_t K);

// kl[B, V] = Σ_k π_k log π_k + log K with π = softmax(logits), the divergence from equal probabilities; overwrites.
void categorical_latent_kl(double* kl, ConstPanels logits, std::size_t B, std::size_t V, std::size_t K);

// dlogits_k[B, V K] += weight[V] · π_k (log π_k − Σ_j π_j log π_j)
void categorical_latent_kl_backward(Panels dlogits, ConstPanels logits, const float* weight, std::size_t B,
                                    std::size_t V, std::size_t K);

}  // namespace aevb
