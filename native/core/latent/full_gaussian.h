// The part of a Gaussian posterior that a full covariance adds to a diagonal one: q(z|x) = N(mean, L Lᵀ) and
// z = mean + L ε. L is lower triangular with the diagonal exp(log_variance/2). Its other entries C are a separate head,
// row by row: C_ij with j < i is column i (i − 1)/2 + j of cholesky [B, U (U − 1)/2]. Kingma and Welling, An
// Introduction to Variational Autoencoders (2019), section 2.5.1.
//
// The functions of location_scale.h compute the diagonal part. These are called after them and add the rest. The value
// log q(z|x) = Σ −½ (ε² + log 2π + log L_ii²) needs no function of this file.
//
// B data, D draws of each, U units. Row b D + d of z and of epsilon is draw d of datum b; z is always computed
// from epsilon.
#pragma once

#include <cstddef>

#include "latent/prior.h"
#include "tensor/panels.h"

namespace aevb {

// z[B D, U] += C ε.
void full_gaussian_sample(Panels z, ConstPanels cholesky, ConstPanels epsilon, std::size_t B, std::size_t D,
                          std::size_t U);

// dcholesky_ij = Σ_d dz_i ε_j; overwrites, with zeros as padding. If epsilon.data is null, ε is 0.
void full_gaussian_sample_backward(Panels dcholesky, ConstPanels epsilon, ConstPanels dz, std::size_t B, std::size_t D,
                                   std::size_t U);

// The derivatives of the whole log q, with a = L⁻ᵀ ε and a float `weight` for each of the B D rows. At fixed heads:
//   dz −= weight · a
void full_gaussian_log_density_backward_z(Panels dz, ConstPanels log_variance, ConstPanels cholesky,
                                          ConstPanels epsilon, const float* weight, float* scratch, std::size_t B,
                                          std::size_t D, std::size_t U);

// At fixed z:
//   dmean          += Σ_d weight · a
//   dlog_variance_i += Σ_d weight · ½ (a_i L_ii ε_i − 1)
//   dcholesky_ij   += Σ_d weight · a_i ε_j
void full_gaussian_log_density_backward_heads(Panels dmean, Panels dlog_variance, Panels dcholesky,
                                              ConstPanels log_variance, ConstPanels cholesky, ConstPanels epsilon,
                                              const float* weight, float* scratch, std::size_t B, std::size_t D,
                                              std::size_t U);

// The floats of `scratch` in those two functions.
constexpr std::size_t full_gaussian_scratch_floats(std::size_t U) { return 2 * U; }

// kl[B] += ½ Σ_i (Σ_j C_ij²)/v_i, with the variances v of the prior.
void full_gaussian_kl(double* kl, ConstPanels cholesky, const NormalPrior& prior, std::size_t B, std::size_t U);

// dcholesky_ij += weight · C_ij/v_i; if the prior is learned, dprior[B, 2 U] at U + i −= weight · ½ (Σ_j C_ij²)/v_i.
void full_gaussian_kl_backward(Panels dcholesky, Panels dprior, ConstPanels cholesky, const NormalPrior& prior,
                               float weight, std::size_t B, std::size_t U);

}  // namespace aevb
