// Posteriors that are a standard density f, shifted and scaled in each dimension independently:
//   q(z|x) = Π f(u)/σ with u = (z − mean)/σ,   z = mean + σ ε
//
//   gaussian   log f = −½ u² − ½ log 2π             spread = log σ²
//   laplace    log f = −|u| − log 2                 spread = log σ
//   logistic   log f = −|u| − 2 log(1 + e^−|u|)     spread = log σ
//
// B data, L draws of each, Z columns; mean and spread are [B, Z], z and epsilon [B L, Z]; row b L + l is draw l of
// datum b. `epsilon` is the noise that z was computed from. u is read from it, because (z − mean)/σ lacks the bits that
// the sum has rounded away. If epsilon.data is null, u is computed from z, which may be any value. A spread is not
// bounded, as in gaussian.h: if σ overflows a float, the result is not finite. `weight` is a float for each of the B L
// rows.
#pragma once

#include <cstddef>

#include "latent/prior.h"
#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

// z[B L, Z] = mean + σ ε; overwrites. If epsilon.data is null, ε is 0.
void location_scale_sample(Panels z, PosteriorType family, ConstPanels mean, ConstPanels spread, ConstPanels epsilon,
                           std::size_t B, std::size_t L, std::size_t Z);

// dmean = Σ_l dz,  dspread = Σ_l dz ε ∂σ/∂spread; overwrites both [B, Z]. If epsilon.data is null, ε is 0.
void location_scale_sample_backward(Panels dmean, Panels dspread, PosteriorType family, ConstPanels spread,
                                    ConstPanels epsilon, ConstPanels dz, std::size_t B, std::size_t L, std::size_t Z);

// log_q[B L] = Σ (log f(u) − log σ), nats; overwrites.
void location_scale_log_density(double* log_q, PosteriorType family, ConstPanels mean, ConstPanels spread,
                                ConstPanels z, ConstPanels epsilon, std::size_t B, std::size_t L, std::size_t Z);

// dz[B L, Z] += weight · ∂log q/∂z at fixed heads, which is weight · ψ/σ with ψ = ∂log f/∂u: −u, −sign u (0 at 0),
// −tanh(u/2).
void location_scale_log_density_backward_z(Panels dz, PosteriorType family, ConstPanels mean, ConstPanels spread,
                                           ConstPanels z, ConstPanels epsilon, const float* weight, std::size_t B,
                                           std::size_t L, std::size_t Z);

// dmean[B, Z] −= Σ_l weight · ψ/σ and dspread[B, Z] −= Σ_l weight · (1 + u ψ) ∂log σ/∂spread: the derivatives of log q
// at fixed z.
void location_scale_log_density_backward_heads(Panels dmean, Panels dspread, PosteriorType family, ConstPanels mean,
                                               ConstPanels spread, ConstPanels z, ConstPanels epsilon,
                                               const float* weight, std::size_t B, std::size_t L, std::size_t Z);

// KL(q(z|x) ‖ N(m, v)) in each dimension, nats; overwrites kl[B, dimensions]. `dimensions` is Z, or 1 for the
// sum. With the variance c σ² of q (c = 1, 2, π²/3) and ρ = log σ²/v:
//   ½ (c e^ρ − ρ + (mean − m)²/v) + a constant, which is −½, ½ log 2π − log 2 − 1 and ½ log 2π − 2
void location_scale_kl(double* kl, PosteriorType family, ConstPanels mean, ConstPanels spread, const NormalPrior& prior,
                       std::size_t dimensions, std::size_t B, std::size_t Z);

// dmean, dspread[B, Z] += weight · ∂KL, with a weight for each of the `dimensions`. If the prior is learned,
// dprior[B, 2 Z] is overwritten with the weighted gradients of m and of log v, and padded with zeros.
void location_scale_kl_backward(Panels dmean, Panels dspread, Panels dprior, PosteriorType family, ConstPanels mean,
                                ConstPanels spread, const NormalPrior& prior, const float* weight,
                                std::size_t dimensions, std::size_t B, std::size_t Z);

}  // namespace aevb
