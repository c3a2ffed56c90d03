// The registry of posteriors and priors: which heads the encoder ends in, how z is drawn, and the densities of one
// group of latent variables. To add a posterior, add a file pair to this folder that defines its row, and list the row
// in POSTERIOR_KINDS (kind.h).
//
// B data, L draws of each, Z = latent_width(spec) columns of z. Row b L + l of every matrix with B L rows is draw l of
// datum b. heads[i] [B, units] and dheads[i] are in the order of posterior_heads. `prior`: the learned parameters,
// latent_prior_parameters floats; it is not read if there are none. `scratch`: latent_scratch_floats floats. Densities
// are in nats, one double for each row; `weight` is one float for each row or dimension. Heads have been bounded by
// bound_spread (posterior_head_bound). If they have not and an exponential overflows, the result is not finite.
//
// A function that overwrites a gradient leaves zeros in its padding. A function that adds to a gradient does not touch
// the padding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "latent/spread_bound.h"
#include "math/random.h"
#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

struct PosteriorHead {
  const char* name;
  std::size_t units;
};

// gaussian: mean, logVariance [U]; with a full covariance L Lᵀ and U > 1 logVariance is the logarithm of L's squared
// diagonal, and a third head, cholesky [U (U − 1)/2], holds the entries below it, row by row. laplace, logistic: mean,
// logScale [U]. categorical: logits [U classes]. bernoulli: logits [U].
std::vector<PosteriorHead> posterior_heads(const LatentSpec& spec);

// The bound of a head that is a log-variance or a log-scale, or null.
const SpreadBound* posterior_head_bound(const LatentSpec& spec, std::size_t head);

// Whether each variable of z takes a class. Such variables are relaxed in training.
bool is_discrete(const LatentSpec& spec);
// The number of classes of each variable; 0 if the variables are numbers.
std::size_t latent_classes(const LatentSpec& spec);
std::size_t latent_width(const LatentSpec& spec);        // columns of z
std::size_t latent_noise_width(const LatentSpec& spec);  // columns of epsilon
std::size_t latent_dimensions(const LatentSpec& spec);   // KL terms of a row: U, or 1 for a full covariance
std::size_t latent_scratch_floats(const LatentSpec& spec);

struct PriorTensor {
  const char* name;
  std::vector<std::size_t> shape;
};

// normal, learned: mean, logVariance [U]. mixture of K: logits [K], mean, logVariance [K, U]. Discrete variables have a
// uniform prior, whatever spec.prior is.
std::vector<PriorTensor> latent_prior_tensors(const LatentSpec& spec);

// The number of floats of all these tensors, which lie one after another without gaps.
std::size_t latent_prior_parameters(const LatentSpec& spec);

// normal: the values of spec.prior, or N(0, 1). mixture: equal shares, variances 1, and means ~ N(0, 1) from Philox
// with purpose `initialize`. The step is the index of the mixture's means in the parameter table: first_tensor + 1.
void latent_prior_initialize(float* prior, const LatentSpec& spec, std::uint64_t seed, std::uint32_t first_tensor);

// Whether KL(q ‖ p) has a closed form. It has none for a mixture.
bool latent_has_analytic_kl(const LatentSpec& spec);

// eps[R, latent_noise_width] = the noise that z is computed from; overwrites. gaussian: N(0, 1); laplace: standard
// Laplace; logistic and bernoulli: standard logistic; categorical: standard Gumbel. See math/random.h. Columns 4 i to
// 4 i + 3 have the lane i + (group << 20), so that the noise of different groups differs; group < 4096.
void latent_noise(Panels eps, const LatentSpec& spec, std::size_t R, std::uint64_t seed, Purpose purpose,
                  std::uint32_t step, std::uint32_t first_row, std::uint32_t group);

struct LatentState {
  float temperature = 1.0f;    // the temperature of relaxed variables
  bool discrete = false;       // variables are 0 or 1, for evaluation
  bool deterministic = false;  // eps is taken as 0 and the temperature as 1: means, and probabilities unless discrete
};

// z[B L, Z] ~ q(z|x); overwrites. Discrete variables are relaxed, unless state.discrete is set, or
// spec.straight_through is set and the state is not deterministic: then z is 0 or 1.
void latent_sample(Panels z, const LatentSpec& spec, const ConstPanels* heads, ConstPanels eps,
                   const LatentState& state, std::size_t B, std::size_t L);

// z[B, Z] = the posterior's mean; overwrites. categorical, bernoulli: the probabilities.
void latent_mean(Panels z, const LatentSpec& spec, const ConstPanels* heads, std::size_t B);

// log_q[B L] = log q(z|x); overwrites. z is the result of latent_sample for eps. If the variables are numbers, eps
// gives (z − mean)/σ as it was before rounding. If eps.data is null, z may be any value, but not with a full
// covariance. For discrete variables log_q is the logarithm of a probability mass if they are 0 or 1, and linear in z
// in between: Σ_k z_k log π_k.
void latent_log_posterior(double* log_q, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z,
                          ConstPanels eps, std::size_t B, std::size_t L);

// log_p[R] = log p(z); overwrites. Discrete variables: −units log classes, −units log 2.
void latent_log_prior(double* log_p, const LatentSpec& spec, const float* prior, ConstPanels z, std::size_t R);

// kl[B, latent_dimensions] = KL(q(z|x) ‖ p(z)), row-major; overwrites. Call it only if latent_has_analytic_kl.
void latent_kl(double* kl, const LatentSpec& spec, const ConstPanels* heads, const float* prior, std::size_t B);

// --- backward ---

// dz[B L, Z] += weight[B L] · ∂log q/∂z at fixed heads.
void latent_log_posterior_backward_z(Panels dz, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z,
                                     ConstPanels eps, const float* weight, float* scratch, std::size_t B,
                                     std::size_t L);

// dheads += Σ_l weight[B L] · ∂log q/∂heads at fixed z.
void latent_log_posterior_backward_heads(const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads,
                                         ConstPanels z, ConstPanels eps, const float* weight, float* scratch,
                                         std::size_t B, std::size_t L);

// dz[R, Z] += weight[R] · ∂log p/∂z. If the prior has parameters, row r of dprior [R, latent_prior_parameters] is
// overwritten with weight[r] · ∂log p/∂prior.
void latent_log_prior_backward(Panels dz, Panels dprior, const LatentSpec& spec, const float* prior, ConstPanels z,
                               const float* weight, std::size_t R);

// dheads = Σ_l (∂z/∂heads)ᵀ dz; overwrites. z, eps and the state are those of latent_sample. If z is 0 or 1, the
// derivative is that of the relaxed value (Bengio et al., Estimating or Propagating Gradients Through Stochastic
// Neurons (2013); Jang et al., Categorical Reparameterization with Gumbel-Softmax (2017), section 2.2).
void latent_sample_backward(const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads, ConstPanels eps,
                            ConstPanels z, ConstPanels dz, const LatentState& state, std::size_t B, std::size_t L);

// dheads += weight[latent_dimensions] · ∂KL. If the prior has parameters, row b of dprior [B,
// latent_prior_parameters] is overwritten with the weighted gradient of row b's divergence.
void latent_kl_backward(const Panels* dheads, Panels dprior, const LatentSpec& spec, const ConstPanels* heads,
                        const float* prior, const float* weight, std::size_t B);

}  // namespace aevb
