#include "latent/latent.h"

#include <algorithm>
#include <cmath>

#include "latent/kind.h"
#include "latent/prior.h"

namespace aevb {

namespace {

const PosteriorKind& row_of(const LatentSpec& spec) { return *POSTERIOR_KINDS[static_cast<std::size_t>(spec.type)]; }

bool learned_normal(const LatentSpec& spec) {
  return !is_discrete(spec) && spec.prior.type == PriorType::normal && spec.prior.learned;
}

bool mixture(const LatentSpec& spec) { return !is_discrete(spec) && spec.prior.type == PriorType::mixture; }

NormalPrior normal_prior(const LatentSpec& spec, const float* prior) {
  if (spec.prior.type != PriorType::normal || is_discrete(spec)) return {};
  if (spec.prior.learned) return {nullptr, nullptr, prior, prior + spec.units};
  return {spec.prior.mean.data(), spec.prior.variance.data(), nullptr, nullptr};
}

MixturePrior mixture_prior(const LatentSpec& spec, const float* prior) {
  const std::size_t K = spec.prior.components;
  return {prior, prior + K, prior + K + K * spec.units, K};
}

// The noise that latent_sample and its backward use in this state.
LatentNoise noise_of(const LatentSpec& spec, ConstPanels eps, const LatentState& state) {
  if (state.deterministic) return {{}, 1.0f, state.discrete};
  return {eps, state.temperature, state.discrete || spec.straight_through};
}

}  // namespace

std::vector<PosteriorHead> posterior_heads(const LatentSpec& spec) { return row_of(spec).heads(spec); }

const SpreadBound* posterior_head_bound(const LatentSpec& spec, std::size_t head) {
  return head == 1 ? row_of(spec).spread_bound : nullptr;
}

bool is_discrete(const LatentSpec& spec) { return row_of(spec).classes(spec) > 0; }

std::size_t latent_classes(const LatentSpec& spec) { return row_of(spec).classes(spec); }

std::size_t latent_width(const LatentSpec& spec) { return row_of(spec).width(spec); }

std::size_t latent_noise_width(const LatentSpec& spec) { return latent_width(spec); }

std::size_t latent_dimensions(const LatentSpec& spec) { return row_of(spec).dimensions(spec); }

std::size_t latent_scratch_floats(const LatentSpec& spec) { return row_of(spec).scratch_floats(spec); }

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
  row_of(spec).noise(eps, R, latent_noise_width(spec), seed, purpose, step, first_row, group << 20);
}

void latent_sample(Panels z, const LatentSpec& spec, const ConstPanels* heads, ConstPanels eps,
                   const LatentState& state, std::size_t B, std::size_t L) {
  row_of(spec).sample(z, spec, heads, noise_of(spec, eps, state), B, L);
}

void latent_mean(Panels z, const LatentSpec& spec, const ConstPanels* heads, std::size_t B) {
  LatentState state;
  state.deterministic = true;
  latent_sample(z, spec, heads, {}, state, B, 1);
}

void latent_log_posterior(double* log_q, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z,
                          ConstPanels eps, std::size_t B, std::size_t L) {
  row_of(spec).log_posterior(log_q, spec, heads, z, eps, B, L);
}

void latent_log_prior(double* log_p, const LatentSpec& spec, const float* prior, ConstPanels z, std::size_t R) {
  if (is_discrete(spec)) {
    const auto classes = static_cast<double>(row_of(spec).classes(spec));
    std::fill_n(log_p, R, -static_cast<double>(spec.units) * std::log(classes));
  } else if (mixture(spec)) {
    mixture_log_density(log_p, mixture_prior(spec, prior), z, R, spec.units);
  } else {
    normal_log_density(log_p, normal_prior(spec, prior), z, R, spec.units);
  }
}

void latent_kl(double* kl, const LatentSpec& spec, const ConstPanels* heads, const float* prior, std::size_t B) {
  row_of(spec).kl(kl, spec, heads, normal_prior(spec, prior), B);
}

void latent_log_posterior_backward_z(Panels dz, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z,
                                     ConstPanels eps, const float* weight, float* scratch, std::size_t B,
                                     std::size_t L) {
  row_of(spec).log_posterior_backward_z(dz, spec, heads, z, eps, weight, scratch, B, L);
}

void latent_log_posterior_backward_heads(const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads,
                                         ConstPanels z, ConstPanels eps, const float* weight, float* scratch,
                                         std::size_t B, std::size_t L) {
  row_of(spec).log_posterior_backward_heads(dheads, spec, heads, z, eps, weight, scratch, B, L);
}

void latent_log_prior_backward(Panels dz, Panels dprior, const LatentSpec& spec, const float* prior, ConstPanels z,
                               const float* weight, std::size_t R) {
  if (is_discrete(spec)) return;
  if (mixture(spec)) {
    mixture_log_density_backward(dz, dprior, mixture_prior(spec, prior), z, weight, R, spec.units);
  } else {
    normal_log_density_backward(dz, dprior, normal_prior(spec, prior), z, weight, R, spec.units);
  }
}

void latent_sample_backward(const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads, ConstPanels eps,
                            ConstPanels z, ConstPanels dz, const LatentState& state, std::size_t B, std::size_t L) {
  row_of(spec).sample_backward(dheads, spec, heads, noise_of(spec, eps, state), z, dz, B, L);
}

void latent_kl_backward(const Panels* dheads, Panels dprior, const LatentSpec& spec, const ConstPanels* heads,
                        const float* prior, const float* weight, std::size_t B) {
  row_of(spec).kl_backward(dheads, dprior, spec, heads, normal_prior(spec, prior), weight, B);
}

}  // namespace aevb
