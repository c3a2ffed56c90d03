// p(x|z) = N(x; mean, C) with the covariance C = W Wᵀ + Ψ, low rank plus diagonal, that the decoder outputs for each
// datum: W is [D, rank], and the diagonal Ψ is the dispersion. So x = mean + W η + Ψ^½ ε with η and ε ~ N(0, I): a
// factor analysis of each datum (Monteiro et al., Stochastic Segmentation Networks (2020)).
//
// With A = I + Wᵀ Ψ⁻¹ W [rank, rank] and c = A⁻¹ Wᵀ Ψ⁻¹ (x − mean), the posterior mean of η, and e = x − mean − W c:
//   det C = det Ψ det A                                  (the matrix determinant lemma)
//   C⁻¹ (x − mean) = Ψ⁻¹ e                               (Woodbury's identity)
//   −log p(x|z) = ½ (D log 2π + Σ log Ψ_ii + log det A + Σ e_i²/Ψ_ii + Σ c_k²)
// The squares are two sums of positive terms; Woodbury's identity alone is a difference that cancels. All values
// are double: if Ψ is small, A is as badly conditioned as 1/Ψ is large.
//
// W_ik is column i rank + k of factor [B L, D rank]. B data, L draws of each, D features. Row b L + l of the decoder's
// output belongs to row b of x.
#pragma once

#include <cstddef>

#include "likelihood/log_dispersion.h"
#include "tensor/panels.h"

namespace aevb {

inline constexpr std::size_t MOST_RANK = 24;

// loss[B L] = −log p(x|z), nats; overwrites. 1 ≤ rank ≤ MOST_RANK.
void low_rank_forward(double* loss, ConstPanels mean, const LogDispersion& log_variance, ConstPanels factor,
                      ConstPanels x, std::size_t B, std::size_t L, std::size_t D, std::size_t rank);

// The gradients. They are overwritten, with zeros as padding.
struct LowRankGradient {
  Panels mean;
  Panels log_variance;  // by the raw ones, or in each row by the shared ones; data null: not computed
  Panels factor;
};

// The same, and scale times the gradients, each of which may overwrite the matrix that it is the gradient of:
//   dmean = −Ψ⁻¹ e,   dW = C⁻¹ W − Ψ⁻¹ e cᵀ,   dlog Ψ_ii = ½ (1 − (W A⁻¹ Wᵀ)_ii/Ψ_ii − e_i²/Ψ_ii),   C⁻¹ W = Ψ⁻¹ W A⁻¹
void low_rank_forward_backward(double* loss, const LowRankGradient& gradient, ConstPanels mean,
                               const LogDispersion& log_variance, ConstPanels factor, ConstPanels x, float scale,
                               std::size_t B, std::size_t L, std::size_t D, std::size_t rank);

}  // namespace aevb
