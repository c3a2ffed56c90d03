// The importance-weighted bound and the weights of its gradients.
//
// B data, L draws of each; log_w[B L] = log p(x, z_l) − log q(z_l|x), and row b L + l is draw l of datum b. Rows do not
// depend on each other. Sums over draws are double, in their order.
//
// A datum of which every log_w is −∞ has the bound −∞ and weights that are NaN; NaN and +∞ make its bound and weights
// NaN.
#pragma once

#include <cstddef>

namespace aevb {

// bound[B] = log 1/L Σ_l exp(log_w_l); overwrites. Its expectation is a lower bound of log p(x) that rises with L.
// Burda et al., Importance Weighted Autoencoders (2016), equation 8.
void importance_bound(double* bound, const double* log_w, std::size_t B, std::size_t L);

// weight[B L] = w_l / Σ_k w_k; overwrites. They are ∂ bound / ∂ log_w, so that the gradient of the bound by any
// parameter is Σ_l weight_l ∂ log_w_l (Burda et al., equation 14). The doubly reparameterised gradient by the encoder's
// parameters φ squares them,
//   Σ_l weight_l² (∂ log_w_l / ∂ z_l) (∂ z_l / ∂φ),
// with log q(z|x) differentiated by z alone, at fixed parameters; the decoder's gradient keeps them as they are (Tucker
// et al., Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives (2019), equation 8).
void importance_weights(float* weight, const double* log_w, std::size_t B, std::size_t L);

}  // namespace aevb
