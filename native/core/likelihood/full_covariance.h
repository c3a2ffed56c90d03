// p(x|z) = N(x; mean, C) with a full covariance C = L Lᵀ that the decoder outputs for each datum.
//
// L = (I − Φ)⁻¹ S: S is diagonal, S_ii² the dispersion, and the strictly lower triangular Φ is a separate head. So
//   x_i = mean_i + Σ_{j<i} Φ_ij (x_j − mean_j) + S_ii ε_i,   which is x = mean + L ε,
// Φ_ij are the coefficients of the regression of x_i on the features before it, S_ii = L_ii, and S_ii² is the variance
// of x_i given them. Every positive definite C has exactly one such Φ and S, whatever numbers Φ holds, and the density
// needs neither an inverse nor a determinant (Pourahmadi, Joint mean-covariance models with applications to
// longitudinal data: unconstrained parameterisation (1999)):
//   e = (I − Φ)(x − mean),   −log p(x|z) = Σ_i ½ (log 2π + log S_ii² + e_i²/S_ii²)
// If the head were the entries of L, e would be the solution of L e = x − mean. For the L of an untrained decoder it
// grows exponentially with the number of features.
//
// Row by row: Φ_ij with j < i is column i (i − 1)/2 + j of regression [B L, D (D − 1)/2]. B data, L draws of each, D
// features. Row b L + l of the decoder's output belongs to row b of x.
#pragma once

#include <cstddef>

#include "likelihood/log_dispersion.h"
#include "tensor/panels.h"

namespace aevb {

// The most features of a row that the kernels hold at a time; its Φ has 130,816 entries.
inline constexpr std::size_t MOST_FULL_COVARIANCE_FEATURES = 512;

constexpr std::size_t full_covariance_entries(std::size_t D) { return D * (D - 1) / 2; }

// loss[B L] = −log p(x|z), nats; overwrites. 1 ≤ D ≤ MOST_FULL_COVARIANCE_FEATURES; if D is 1, regression has no
// columns and is not read.
void full_covariance_forward(double* loss, ConstPanels mean, const LogDispersion& log_variance, ConstPanels regression,
                             ConstPanels x, std::size_t B, std::size_t L, std::size_t D);

// The gradients. They are overwritten, with zeros as padding.
struct FullCovarianceGradient {
  Panels mean;
  Panels log_variance;  // by the raw ones, or in each row by the shared ones; data null: not computed
  Panels regression;
};

// The same, and scale times the gradients, each of which may overwrite the matrix that it is the gradient of.
void full_covariance_forward_backward(double* loss, const FullCovarianceGradient& gradient, ConstPanels mean,
                                      const LogDispersion& log_variance, ConstPanels regression, ConstPanels x,
                                      float scale, std::size_t B, std::size_t L, std::size_t D);

}  // namespace aevb
