#include "latent/latent.h"

#include <algorithm>
#include <cmath>

#include "latent/categorical.h"
#include "latent/full_gaussian.h"
#include "latent/location_scale.h"
#include "latent/prior.h"
#include "latent/relaxed_bernoulli.h"

namespace aevb {

namespace {

bool discrete_variables(const LatentSpec& spec) {
  return spec.type == PosteriorType::categorical || spec.type == PosteriorType::bernoulli;
}

// One unit has no covariance.
bool full_covariance(const LatentSpec& spec) {
  return spec.type == PosteriorType::gaussian && spec.full_covariance && spec.units > 1;
}

bool learned_normal(const LatentSpec& spec) {
  return !discrete_variables(spec) && spec.prior.type == PriorType::normal && spec.prior.learned;
}

bool mixture(const LatentSpec& spec) { return !discrete_variables(spec) && spec.prior.type == PriorType::mixture; }

NormalPrior normal_prior(const LatentSpec& spec, const float* prior) {
  if (spec.prior.type != PriorType::normal) return {};
  if (spec.prior.learned) return {nullptr, nullptr, prior, prior + spec.units};
  return {spec.prior.mean.data(), spec.prior.variance.data(), nullptr, nullptr};
}

MixturePrior mixture_prior(const LatentSpec& spec, const float* prior) {
  const std::size_t K = spec.prior.components;
  return {prior, prior + K, prior + K + K * spec.units, K};
}

// What latent_sample and its backward make of the state.
struct Noise {
  ConstPanels eps;  // data null: 0
  float temperature;
  bool hard;
};
Noise noise_of(const LatentSpec& spec, ConstPanels eps, const LatentState& state) {
  if (state.deterministic) return {{}, 1.0f, state.discrete};
  return {eps, state.temperature, state.discrete || spec.straight_through};
}

}  // namespace

std::vector<PosteriorHead> posterior_heads(const LatentSpec& spec) {
  const std::size_t U = spec.units;
  switch (spec.type) {
    case PosteriorType::gaussian:
      if (full_covariance(spec)) return {{"mean", U}, {"logVariance", U}, {"cholesky", U * (U - 1) / 2}};
      return {{"mean", U}, {"logVariance", U}};
    case PosteriorType::laplace:
    case PosteriorType::logistic:
      return {{"mean", U}, {"logScale", U}};
    case PosteriorType::categorical:
      return {{"logits", U * spec.classes}};
    case PosteriorType::bernoulli:
      return {{"logits", U}};
  }
  return {};
}

const SpreadBound* posterior_head_bound(const LatentSpec& spec, std::size_t head) {
  if (discrete_variables(spec) || head != 1) return nullptr;
  return spec.type == PosteriorType::gaussian ? &LOG_VARIANCE_BOUND : &LOG_SCALE_BOUND;
}

std::size_t latent_width(const LatentSpec& spec) {
  return spec.type == PosteriorType::categorical ? spec.units * spec.classes : spec.units;
}

std::size_t latent_noise_width(const LatentSpec& spec) { return latent_width(spec); }

std::size_t latent_dimensions(const LatentSpec& spec) { return full_covariance(spec) ? 1 : spec.units; }

std::size_t latent_scratch_floats(const LatentSpec& spec) {
  return full_covariance(spec) ? full_gaussian_scratch_floats(spec.units) : 0;
}

std::vector<PriorTensor> latent_prior_tensors(const LatentSpec& spec) {
  const std::size_t U = spec.units;
  const std::size_t K = spec.prior.components;
  if (learned_normal(spec)) return {{"mean", {U}}, {"logVariance", {U}}};
  if (mixture(spec)) return {{"logits", {K}}, {"mean", {K, U}}, {"logVariance", {K, U}}};
  return {};
}

std::size_t latent_prior_parameters(const LatentSpec& spec) {
  if (learned_normal(spec)) return 2 * spec.units;
  if (mixture(spec)) return spec.prior.components * (1 + 2 * spec.units);
  return 0;
}

void latent_prior_initialize(float* prior, const LatentSpec& spec, std::uint64_t seed, std::uint32_t first_tensor) {
  std::fill_n(prior, latent_prior_parameters(spec), 0.0f);
  if (learned_normal(spec)) {
    const std::vector<double>& mean = spec.prior.mean;
    const std::vector<double>& variance = spec.prior.variance;
    for (std::size_t i = 0; i < std::min(spec.units, mean.size()); ++i) prior[i] = static_cast<float>(mean[i]);
    for (std::size_t i = 0; i < std::min(spec.units, variance.size()); ++i) {
      prior[spec.units + i] = static_cast<float>(std::log(variance[i]));
    }
  }
  if (mixture(spec)) {
    const std::size_t means = spec.prior.components * spec.units;
    const Panels row{prior + spec.prior.components, means, means};
    fill_normal(row, 1, means, seed, Purpose::initialize, first_tensor + 1, 0);
  }
}

bool latent_has_analytic_kl(const LatentSpec& spec) { return !mixture(spec); }

void latent_noise(Panels eps, const LatentSpec& spec, std::size_t R, std::uint64_t seed, Purpose purpose,
                  std::uint32_t step, std::uint32_t first_row, std::uint32_t group) {
  const std::size_t cols = latent_noise_width(spec);
  const std::uint32_t first_lane = group << 20;
  switch (spec.type) {
    case PosteriorType::gaussian:
      fill_normal(eps, R, cols, seed, purpose, step, first_row, first_lane);
      break;
    case PosteriorType::laplace:
      fill_laplace(eps, R, cols, seed, purpose, step, first_row, first_lane);
      break;
    case PosteriorType::logistic:
    case PosteriorType::bernoulli:
      fill_logistic(eps, R, cols, seed, purpose, step, first_row, first_lane);
      break;
    case PosteriorType::categorical:
      fill_gumbel(eps, R, cols, seed, purpose, step, first_row, first_lane);
      break;
  }
}

void latent_sample(Panels z, const LatentSpec& spec, const ConstPanels* heads, ConstPanels eps,
                   const LatentState& state, std::size_t B, std::size_t L) {
  const Noise noise = noise_of(spec, eps, state);
  switch (spec.type) {
    case PosteriorType::gaussian:
    case PosteriorType::laplace:
    case PosteriorType::logistic:
      location_scale_sample(z, spec.type, heads[0], heads[1], noise.eps, B, L, spec.units);
      if (full_covariance(spec) && noise.eps.data != nullptr) {
        full_gaussian_sample(z, heads[2], noise.eps, B, L, spec.units);
      }
      break;
    case PosteriorType::categorical:
      categorical_latent_sample(z, heads[0], noise.eps, noise.temperature, noise.hard, B, L, spec.units, spec.classes);
      break;
    case PosteriorType::bernoulli:
      bernoulli_latent_sample(z, heads[0], noise.eps, noise.temperature, noise.hard, B, L, spec.units);
      break;
  }
}

void latent_mean(Panels z, const LatentSpec& spec, const ConstPanels* heads, std::size_t B) {
  LatentState state;
  state.deterministic = true;
  latent_sample(z, spec, heads, {}, state, B, 1);
}

void latent_log_posterior(double* log_q, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z,
                          ConstPanels eps, std::size_t B, std::size_t L) {
  switch (spec.type) {
    case PosteriorType::gaussian:
    case PosteriorType::laplace:
    case PosteriorType::logistic:
      location_scale_log_density(log_q, spec.type, heads[0], heads[1], z, eps, B, L, spec.units);
      break;
    case PosteriorType::categorical:
      categorical_latent_log_mass(log_q, heads[0], z, B, L, spec.units, spec.classes);
      break;
    case PosteriorType::bernoulli:
      bernoulli_latent_log_mass(log_q, heads[0], z, B, L, spec.units);
      break;
  }
}

void latent_log_prior(double* log_p, const LatentSpec& spec, const float* prior, ConstPanels z, std::size_t R) {
  if (discrete_variables(spec)) {
    const double classes = spec.type == PosteriorType::bernoulli ? 2.0 : static_cast<double>(spec.classes);
    std::fill_n(log_p, R, -static_cast<double>(spec.units) * std::log(classes));
  } else if (mixture(spec)) {
    mixture_log_density(log_p, mixture_prior(spec, prior), z, R, spec.units);
  } else {
    normal_log_density(log_p, normal_prior(spec, prior), z, R, spec.units);
  }
}

void latent_kl(double* kl, const LatentSpec& spec, const ConstPanels* heads, const float* prior, std::size_t B) {
  switch (spec.type) {
    case PosteriorType::gaussian:
    case PosteriorType::laplace:
    case PosteriorType::logistic: {
      const NormalPrior normal = normal_prior(spec, prior);
      location_scale_kl(kl, spec.type, heads[0], heads[1], normal, latent_dimensions(spec), B, spec.units);
      if (full_covariance(spec)) full_gaussian_kl(kl, heads[2], normal, B, spec.units);
      break;
    }
    case PosteriorType::categorical:
      categorical_latent_kl(kl, heads[0], B, spec.units, spec.classes);
      break;
    case PosteriorType::bernoulli:
      bernoulli_latent_kl(kl, heads[0], B, spec.units);
      break;
  }
}

void latent_log_posterior_backward_z(Panels dz, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z,
                                     ConstPanels eps, const float* weight, float* scratch, std::size_t B,
                                     std::size_t L) {
  switch (spec.type) {
    case PosteriorType::gaussian:
    case PosteriorType::laplace:
    case PosteriorType::logistic:
      if (full_covariance(spec)) {
        full_gaussian_log_density_backward_z(dz, heads[1], heads[2], eps, weight, scratch, B, L, spec.units);
      } else {
        location_scale_log_density_backward_z(dz, spec.type, heads[0], heads[1], z, eps, weight, B, L, spec.units);
      }
      break;
    case PosteriorType::categorical:
      categorical_latent_log_mass_backward_z(dz, heads[0], weight, B, L, spec.units, spec.classes);
      break;
    case PosteriorType::bernoulli:
      bernoulli_latent_log_mass_backward_z(dz, heads[0], weight, B, L, spec.units);
      break;
  }
}

void latent_log_posterior_backward_heads(const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads,
                                         ConstPanels z, ConstPanels eps, const float* weight, float* scratch,
                                         std::size_t B, std::size_t L) {
  switch (spec.type) {
    case PosteriorType::gaussian:
    case PosteriorType::laplace:
    case PosteriorType::logistic:
      if (full_covariance(spec)) {
        full_gaussian_log_density_backward_heads(dheads[0], dheads[1], dheads[2], heads[1], heads[2], eps, weight,
                                                 scratch, B, L, spec.units);
      } else {
        location_scale_log_density_backward_heads(dheads[0], dheads[1], spec.type, heads[0], heads[1], z, eps, weight,
                                                  B, L, spec.units);
      }
      break;
    case PosteriorType::categorical:
      categorical_latent_log_mass_backward_logits(dheads[0], heads[0], z, weight, B, L, spec.units, spec.classes);
      break;
    case PosteriorType::bernoulli:
      bernoulli_latent_log_mass_backward_logits(dheads[0], heads[0], z, weight, B, L, spec.units);
      break;
  }
}

void latent_log_prior_backward(Panels dz, Panels dprior, const LatentSpec& spec, const float* prior, ConstPanels z,
                               const float* weight, std::size_t R) {
  if (discrete_variables(spec)) return;
  if (mixture(spec)) {
    mixture_log_density_backward(dz, dprior, mixture_prior(spec, prior), z, weight, R, spec.units);
  } else {
    normal_log_density_backward(dz, dprior, normal_prior(spec, prior), z, weight, R, spec.units);
  }
}

void latent_sample_backward(const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads, ConstPanels eps,
                            ConstPanels z, ConstPanels dz, const LatentState& state, std::size_t B, std::size_t L) {
  const Noise noise = noise_of(spec, eps, state);
  switch (spec.type) {
    case PosteriorType::gaussian:
    case PosteriorType::laplace:
    case PosteriorType::logistic:
      location_scale_sample_backward(dheads[0], dheads[1], spec.type, heads[1], noise.eps, dz, B, L, spec.units);
      if (full_covariance(spec)) full_gaussian_sample_backward(dheads[2], noise.eps, dz, B, L, spec.units);
      break;
    case PosteriorType::categorical:
      categorical_latent_sample_backward(dheads[0], heads[0], noise.eps, z, dz, noise.temperature, noise.hard, B, L,
                                         spec.units, spec.classes);
      break;
    case PosteriorType::bernoulli:
      bernoulli_latent_sample_backward(dheads[0], heads[0], noise.eps, dz, noise.temperature, B, L, spec.units);
      break;
  }
}

void latent_kl_backward(const Panels* dheads, Panels dprior, const LatentSpec& spec, const ConstPanels* heads,
                        const float* prior, const float* weight, std::size_t B) {
  switch (spec.type) {
    case PosteriorType::gaussian:
    case PosteriorType::laplace:
    case PosteriorType::logistic: {
      const NormalPrior normal = normal_prior(spec, prior);
      location_scale_kl_backward(dheads[0], dheads[1], dprior, spec.type, heads[0], heads[1], normal, weight,
                                 latent_dimensions(spec), B, spec.units);
      if (full_covariance(spec)) {
        full_gaussian_kl_backward(dheads[2], dprior, heads[2], normal, weight[0], B, spec.units);
      }
      break;
    }
    case PosteriorType::categorical:
      categorical_latent_kl_backward(dheads[0], heads[0], weight, B, spec.units, spec.classes);
      break;
    case PosteriorType::bernoulli:
      bernoulli_latent_kl_backward(dheads[0], heads[0], weight, B, spec.units);
      break;
  }
}

}  // namespace aevb
