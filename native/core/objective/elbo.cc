#include "objective/elbo.h"

namespace aevb {

Terms elbo_terms(const double* reconstruction, const double* kl, std::size_t B, std::size_t L,
                 const ObjectiveSpec& objective) {
  Terms sum;
  sum.examples = B;
  for (std::size_t i = 0; i < B * L; ++i) sum.reconstruction += reconstruction[i];
  for (std::size_t i = 0; i < B; ++i) sum.kl += kl[i];
  sum.reconstruction /= static_cast<double>(L);
  return elbo_average(sum, objective);
}

void elbo_add(Terms& sum, const Terms& batch) {
  const auto weight = static_cast<double>(batch.examples);
  sum.reconstruction += batch.reconstruction * weight;
  sum.kl += batch.kl * weight;
  sum.examples += batch.examples;
}

Terms elbo_average(const Terms& sum, const ObjectiveSpec& objective) {
  const auto examples = static_cast<double>(sum.examples);
  Terms average;
  average.examples = sum.examples;
  average.reconstruction = sum.reconstruction / examples;
  average.kl = sum.kl / examples;
  average.loss = average.reconstruction + objective.beta * average.kl;
  return average;
}

double reconstruction_scale(std::size_t B, std::size_t L) {
  return 1.0 / (static_cast<double>(B) * static_cast<double>(L));
}

double kl_scale(std::size_t B, const ObjectiveSpec& objective) { return objective.beta / static_cast<double>(B); }

}  // namespace aevb
