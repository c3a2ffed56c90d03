// The twins of latent/latent.h in their plainest form, as reference.h says: double, row-major, results returned. A
// function that has the name of one there computes what that header says, for one group of latent variables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "latent/latent.h"
#include "math/random.h"
#include "reference/layers.h"
#include "spec/spec.h"

namespace aevb::reference {

// heads[i]: [B, units] in the order of latent_heads.
using Heads = std::vector<Vector>;

Vector latent_noise(const LatentSpec& spec, std::size_t R, std::uint64_t seed, Purpose purpose, std::uint32_t step,
                    std::uint32_t first_row, std::uint32_t group);

Vector latent_sample(const LatentSpec& spec, const Heads& heads, const Vector& eps, const LatentState& state,
                     std::size_t B, std::size_t L);
Vector latent_mean(const LatentSpec& spec, const Heads& heads, std::size_t B);

// If eps is empty, what z was made of is worked out from z, for a full covariance as well.
Vector latent_log_posterior(const LatentSpec& spec, const Heads& heads, const Vector& z, const Vector& eps,
                            std::size_t B, std::size_t L);
Vector latent_log_prior(const LatentSpec& spec, const Vector& prior, const Vector& z, std::size_t R);
Vector latent_kl(const LatentSpec& spec, const Heads& heads, const Vector& prior, std::size_t B);

// weight: one for each row of z. What the kernels add is returned.
Vector latent_log_posterior_backward_z(const LatentSpec& spec, const Heads& heads, const Vector& z, const Vector& eps,
                                       const Vector& weight, std::size_t B, std::size_t L);
Heads latent_log_posterior_backward_heads(const LatentSpec& spec, const Heads& heads, const Vector& z,
                                          const Vector& eps, const Vector& weight, std::size_t B, std::size_t L);

struct LogPriorGradient {
  Vector dz;      // [R, Z]
  Vector dprior;  // [R, latent_prior_parameters]
};
LogPriorGradient latent_log_prior_backward(const LatentSpec& spec, const Vector& prior, const Vector& z,
                                           const Vector& weight, std::size_t R);

Heads latent_sample_backward(const LatentSpec& spec, const Heads& heads, const Vector& eps, const Vector& dz,
                             const LatentState& state, std::size_t B, std::size_t L);

struct KlGradient {
  Heads dheads;
  Vector dprior;  // [B, latent_prior_parameters]
};
// weight: one for each of latent_dimensions.
KlGradient latent_kl_backward(const LatentSpec& spec, const Heads& heads, const Vector& prior, const Vector& weight,
                              std::size_t B);

}  // namespace aevb::reference
