// Groups of latent variables that the tests of posteriors and priors share: every posterior, and every prior that it
// can have.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "latent/latent.h"
#include "reference/latent.h"
#include "spec/spec.h"
#include "support.h"

namespace aevb::test {

struct NamedLatent {
  std::string name;
  LatentSpec spec;
};

// As many of each as `cols` columns of z allow; a categorical variable has 2 to 7 classes, or
// there is one of all columns.
inline std::vector<NamedLatent> latents(std::size_t cols) {
  Random random(cols);
  std::vector<NamedLatent> all;
  const auto add = [&](const std::string& name, PosteriorType type, PriorType prior, bool learned) -> LatentSpec& {
    LatentSpec spec;
    spec.type = type;
    spec.units = cols;
    spec.prior.type = prior;
    spec.prior.learned = learned;
    if (prior == PriorType::normal) {
      spec.prior.mean = random.floats(cols, -1.0, 1.0);
      spec.prior.variance = random.floats(cols, 0.5, 2.0);
    }
    if (prior == PriorType::mixture) spec.prior.components = 3;
    all.push_back({name, spec});
    return all.back().spec;
  };
  for (const auto& [type, name] : {std::pair{PosteriorType::gaussian, "gaussian"},
                                   {PosteriorType::laplace, "laplace"},
                                   {PosteriorType::logistic, "logistic"}}) {
    add(std::string(name) + ", standard prior", type, PriorType::standard, false);
    add(std::string(name) + ", normal prior", type, PriorType::normal, false);
    add(std::string(name) + ", learned prior", type, PriorType::normal, true);
  }
  add("laplace, mixture prior", PosteriorType::laplace, PriorType::mixture, false);
  if (cols <= 40) {  // entries grow with the square
    add("full covariance, standard prior", PosteriorType::gaussian, PriorType::standard, false).full_covariance = true;
    add("full covariance, normal prior", PosteriorType::gaussian, PriorType::normal, false).full_covariance = true;
    add("full covariance, learned prior", PosteriorType::gaussian, PriorType::normal, true).full_covariance = true;
    add("full covariance, mixture prior", PosteriorType::gaussian, PriorType::mixture, true).full_covariance = true;
  }
  for (const bool straight_through : {false, true}) {
    const std::string end = straight_through ? ", straight-through" : "";
    LatentSpec& categorical = add("categorical" + end, PosteriorType::categorical, PriorType::standard, false);
    categorical.straight_through = straight_through;
    for (const std::size_t classes : {7, 5, 3, 2, 1}) {
      if (cols % classes != 0) continue;
      categorical.classes = classes;
      categorical.units = cols / classes;
      break;
    }
    if (categorical.classes == 1) {
      categorical.classes = cols;
      categorical.units = 1;
    }
    add("bernoulli" + end, PosteriorType::bernoulli, PriorType::standard, false).straight_through = straight_through;
  }
  return all;
}

inline reference::Heads random_heads(Random* random, const LatentSpec& spec, std::size_t B) {
  reference::Heads heads;
  for (const PosteriorHead& head : posterior_heads(spec)) {
    const std::string name = head.name;
    // Small entries, so that L⁻ᵀ of many units does not grow.
    const double limit = name == "cholesky" ? 1.0 / static_cast<double>(spec.units) : name == "logits" ? 4.0 : 1.5;
    heads.push_back(random->floats(B * head.units, -limit, limit));
  }
  return heads;
}

inline Vector random_prior(Random* random, const LatentSpec& spec) {
  return random->floats(latent_prior_parameters(spec), -1.0, 1.0);
}

// Noise of the posterior's kind.
inline Vector random_noise(const LatentSpec& spec, std::size_t R, std::uint64_t seed) {
  return as_floats(reference::latent_noise(spec, R, seed, Purpose::epsilon, 1, 0, 0));
}

}  // namespace aevb::test
