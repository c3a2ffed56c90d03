#include "objective/objective.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "latent/latent.h"
#include "objective/annealing.h"

namespace aevb {

void add(Terms& sum, const Terms& batch) {
  const auto weight = static_cast<double>(batch.examples);
  sum.loss += batch.loss * weight;
  sum.reconstruction += batch.reconstruction * weight;
  sum.kl += batch.kl * weight;
  sum.examples += batch.examples;
}

Terms average(const Terms& sum) {
  const auto examples = static_cast<double>(sum.examples);
  return {sum.loss / examples, sum.reconstruction / examples, sum.kl / examples, sum.examples, {}};
}

double infinite_unless_finite(double nats) {
  return std::isfinite(nats) ? nats : std::numeric_limits<double>::infinity();
}

bool is_importance_weighted(const ObjectiveSpec& objective) { return objective.bound != BoundType::elbo; }

bool needs_densities(const ModelSpec& spec) {
  return is_importance_weighted(spec.objective) ||
         (spec.objective.kl == KlType::monteCarlo && !spec.objective.deterministic);
}

bool couples_rows(const ObjectiveSpec& objective) {
  return objective.free_bits != FreeBits::none || objective.capacity_weight > 0.0 ||
         objective.total_correlation > 0.0 || objective.mmd > 0.0;
}

bool is_plain_gaussian(const LatentSpec& latent, const ObjectiveSpec& objective) {
  return latent.type == PosteriorType::gaussian && !latent.full_covariance &&
         latent.prior.type == PriorType::standard && objective.bound == BoundType::elbo &&
         objective.kl == KlType::analytic && objective.estimator == Estimator::reparameterized &&
         !objective.deterministic && !couples_rows(objective);
}

Step::Step(const ModelSpec& spec) : temperature(spec.latents.size()) {
  for (const LatentSpec& latent : spec.latents) kl_weight.emplace_back(latent_dimensions(latent));
}

void Step::begin(const ModelSpec& spec, std::size_t rows, double epochs) {
  const ObjectiveSpec& objective = spec.objective;
  reconstruction = objective.reconstruction_weight;
  beta = objective.deterministic ? 0.0 : objective.kl_weight * objective.beta * beta_factor(objective, epochs);
  capacity = capacity_at(objective, epochs);
  for (std::size_t i = 0; i < temperature.size(); ++i) {
    temperature[i] = static_cast<float>(temperature_at(spec.latents[i].temperature, epochs));
    std::fill(kl_weight[i].begin(), kl_weight[i].end(), static_cast<float>(beta / static_cast<double>(rows)));
  }
}

Terms batch_terms(const ObjectiveSpec& objective, const Step& step, const double* reconstruction, const double* kl,
                  const double* bound, std::size_t B, std::size_t L) {
  Terms terms;
  terms.examples = B;
  for (std::size_t i = 0; i < B * L; ++i) terms.reconstruction += reconstruction[i];
  for (std::size_t i = 0; i < B; ++i) terms.kl += kl[i];
  terms.reconstruction /= static_cast<double>(B * L);
  terms.kl /= static_cast<double>(B);
  if (is_importance_weighted(objective)) {
    double sum = 0.0;
    for (std::size_t i = 0; i < B; ++i) sum += bound[i];
    terms.loss = -sum / static_cast<double>(B);
  } else {
    terms.loss = step.reconstruction * terms.reconstruction + step.beta * terms.kl;
  }
  return terms;
}

}  // namespace aevb
