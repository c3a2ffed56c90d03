// Models that combine likelihoods, posteriors, priors, estimators and objectives, and data for them.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "latent/latent.h"
#include "likelihood/likelihood.h"
#include "model/rows.h"
#include "models.h"
#include "reference/network.h"
#include "reference/objective.h"
#include "spec/spec.h"
#include "support.h"

namespace aevb::test {

// Row-major, as numbers or class numbers.
struct ExampleData {
  std::size_t rows = 0;
  Vector x, condition;

  Examples examples(const ModelSpec& spec) const {
    Examples all{Dataset(x.data(), rows, data_columns(likelihood_parts(spec))), {}};
    if (!condition.empty()) all.condition = Dataset(condition.data(), rows, condition_columns(spec));
    return all;
  }
};

inline Vector random_classes(const std::vector<std::size_t>& classes, std::size_t rows, Random* random) {
  Vector codes;
  for (std::size_t r = 0; r < rows; ++r) {
    for (const std::size_t count : classes) codes.push_back(static_cast<double>(random->index(count)));
  }
  return codes;
}

// [rows, columns of the data] within the domain of a part of the likelihood.
inline Vector random_rows(const LikelihoodPart& part, std::size_t rows, Random* random) {
  const std::size_t cells = rows * part.columns;
  switch (part.spec.type) {
    case LikelihoodType::bernoulli:
    case LikelihoodType::continuousBernoulli:
      return random->floats(cells, 0.0, 1.0);
    case LikelihoodType::gaussian:
    case LikelihoodType::laplace:
      return random->floats(cells, -2.0, 2.0);
    case LikelihoodType::multinomial:
    case LikelihoodType::poisson: {
      Vector counts;
      for (std::size_t i = 0; i < cells; ++i) counts.push_back(static_cast<double>(random->index(6)));
      return counts;
    }
    case LikelihoodType::categorical: {
      const Vector codes = random_classes(part.spec.classes, rows, random);
      return part.spec.codes ? codes : reference::one_hot(codes, part.spec.classes, rows);
    }
  }
  return {};
}

inline ExampleData random_examples(const ModelSpec& spec, std::size_t rows, Random* random) {
  ExampleData data;
  data.rows = rows;
  for (const LikelihoodPart& part : likelihood_parts(spec)) {
    Vector own = random_rows(part, rows, random);
    for (double& cell : own) {
      if (part.spec.missing && random->index(3) == 0) cell = std::numeric_limits<double>::quiet_NaN();
    }
    data.x = data.x.empty() ? own : reference::beside(data.x, own, rows, 1);
  }
  if (spec.condition.classes) {
    data.condition = random_classes({spec.condition.width}, rows, random);
  } else if (spec.condition.width > 0) {
    data.condition = random->floats(rows * spec.condition.width, -1.0, 1.0);
  }
  return data;
}

inline void set_prior(LatentSpec* latent, PriorType type, bool learned, Random* random) {
  latent->prior.type = type;
  latent->prior.learned = learned && type == PriorType::normal;
  if (type == PriorType::normal) {
    latent->prior.mean = random->vector(latent->units, -0.5, 0.5);
    latent->prior.variance = random->vector(latent->units, 0.5, 2.0);
  }
  if (type == PriorType::mixture) latent->prior.components = 1 + random->index(3);
}

inline void set_likelihood(ModelSpec* spec, LikelihoodType type, Random* random) {
  spec->likelihoods[0].type = type;
  if (type == LikelihoodType::categorical) {
    spec->likelihoods[0].classes = {2 + random->index(3), 2 + random->index(3)};
    spec->likelihoods[0].codes = random->index(2) == 0;
    spec->input = spec->likelihoods[0].classes[0] + spec->likelihoods[0].classes[1];
  }
}

inline void set_covariance(ModelSpec* spec, CovarianceType covariance, Random* random) {
  // A single feature has no covariances.
  if (covariance == CovarianceType::full && spec->input == 1) return;
  spec->likelihoods[0].covariance = covariance;
  spec->likelihoods[0].rank = covariance == CovarianceType::lowRank ? 1 + random->index(spec->input) : 0;
}

inline ModelSpec small_spec() {
  ModelSpec spec;
  spec.input = 6;
  spec.encoder = {{5, Activation::tanh}};
  spec.latents[0].units = 3;
  spec.decoder = {{4, Activation::softplus}};
  spec.seed = 11;
  return spec;
}

inline std::vector<NamedSpec> single_part_specs() {
  std::vector<NamedSpec> all;
  Random random(3);
  const auto add = [&](const std::string& name, auto change) {
    ModelSpec spec = small_spec();
    change(spec);
    all.push_back({name, spec});
  };
  add("reference", [](ModelSpec&) {});
  const std::pair<LikelihoodType, const char*> likelihoods[] = {
      {LikelihoodType::bernoulli, "bernoulli"},     {LikelihoodType::continuousBernoulli, "continuousBernoulli"},
      {LikelihoodType::gaussian, "gaussian"},       {LikelihoodType::laplace, "laplace"},
      {LikelihoodType::categorical, "categorical"}, {LikelihoodType::multinomial, "multinomial"},
      {LikelihoodType::poisson, "poisson"}};
  for (const auto& [type, name] : likelihoods) {
    add(name, [&, type = type](ModelSpec& spec) { set_likelihood(&spec, type, &random); });
    if (type != LikelihoodType::gaussian && type != LikelihoodType::laplace) continue;
    for (const DispersionType dispersion :
         {DispersionType::learned, DispersionType::perFeature, DispersionType::perDatum}) {
      add(std::string(name) + " of dispersion " + std::to_string(static_cast<int>(dispersion)),
          [&, type = type](ModelSpec& spec) {
            set_likelihood(&spec, type, &random);
            spec.likelihoods[0].dispersion = dispersion;
          });
    }
  }
  for (const CovarianceType covariance : {CovarianceType::full, CovarianceType::lowRank}) {
    for (const DispersionType dispersion :
         {DispersionType::fixed, DispersionType::learned, DispersionType::perFeature, DispersionType::perDatum}) {
      add("covariance " + std::to_string(static_cast<int>(covariance)) + " of dispersion " +
              std::to_string(static_cast<int>(dispersion)),
          [&](ModelSpec& spec) {
            spec.likelihoods[0].type = LikelihoodType::gaussian;
            spec.likelihoods[0].dispersion = dispersion;
            set_covariance(&spec, covariance, &random);
          });
    }
  }
  for (const Binarize how : {Binarize::threshold, Binarize::stochastic}) {
    add("binarize " + std::to_string(static_cast<int>(how)),
        [&](ModelSpec& spec) { spec.likelihoods[0].binarize = how; });
  }
  const std::pair<PosteriorType, const char*> posteriors[] = {{PosteriorType::gaussian, "gaussian"},
                                                              {PosteriorType::laplace, "laplace"},
                                                              {PosteriorType::logistic, "logistic"}};
  for (const auto& [type, name] : posteriors) {
    for (const bool full : {false, true}) {
      if (full && type != PosteriorType::gaussian) continue;
      for (const PriorType prior : {PriorType::standard, PriorType::normal, PriorType::mixture}) {
        for (const KlType kl : {KlType::analytic, KlType::monteCarlo}) {
          if (prior == PriorType::mixture && kl == KlType::analytic) continue;
          for (const bool learned : {false, true}) {
            if (learned && prior != PriorType::normal) continue;
            add(std::string(name) + (full ? " full" : "") + ", prior " + std::to_string(static_cast<int>(prior)) +
                    (learned ? " learned" : "") + ", kl " + std::to_string(static_cast<int>(kl)),
                [&, type = type](ModelSpec& spec) {
                  spec.latents[0].type = type;
                  spec.latents[0].full_covariance = full;
                  set_prior(&spec.latents[0], prior, learned, &random);
                  spec.objective.kl = kl;
                });
          }
        }
      }
    }
  }
  for (const PosteriorType type : {PosteriorType::categorical, PosteriorType::bernoulli}) {
    for (const bool straight_through : {false, true}) {
      for (const KlType kl : {KlType::analytic, KlType::monteCarlo}) {
        add("discrete " + std::to_string(static_cast<int>(type)) + (straight_through ? " straight-through" : "") +
                ", kl " + std::to_string(static_cast<int>(kl)),
            [&](ModelSpec& spec) {
              spec.latents[0].type = type;
              spec.latents[0].classes = type == PosteriorType::categorical ? 3 : 0;
              spec.latents[0].straight_through = straight_through;
              spec.latents[0].temperature = {TemperatureDecay::exponential, 1.0, 0.4, 2.0};
              spec.objective.kl = kl;
            });
      }
    }
  }
  add("side by side", [](ModelSpec& spec) {
    spec.latents.resize(3);
    spec.latents[0].units = 2;
    spec.latents[1].type = PosteriorType::categorical;
    spec.latents[1].units = 2;
    spec.latents[1].classes = 3;
    spec.latents[2].type = PosteriorType::laplace;
    spec.latents[2].units = 1;
  });
  for (const BoundType bound : {BoundType::iwae, BoundType::dreg}) {
    add(bound == BoundType::iwae ? "iwae" : "dreg", [&](ModelSpec& spec) {
      spec.objective.bound = bound;
      spec.objective.samples = 4;
      spec.objective.kl = KlType::monteCarlo;
    });
  }
  for (const Baseline baseline : {Baseline::none, Baseline::movingAverage, Baseline::leaveOneOut}) {
    for (const KlType kl : {KlType::analytic, KlType::monteCarlo}) {
      add("score function, baseline " + std::to_string(static_cast<int>(baseline)), [&](ModelSpec& spec) {
        spec.objective.estimator = Estimator::scoreFunction;
        spec.objective.baseline = baseline;
        spec.objective.samples = 3;
        spec.objective.kl = kl;
      });
    }
  }
  for (const WarmupType warmup : {WarmupType::linear, WarmupType::cosine, WarmupType::cyclical}) {
    add("warm-up " + std::to_string(static_cast<int>(warmup)), [&](ModelSpec& spec) {
      spec.objective.warmup = warmup;
      spec.objective.warmup_epochs = 4.0;
      spec.objective.warmup_cycles = 2.0;
    });
  }
  for (const FreeBits free_bits : {FreeBits::dimension, FreeBits::group}) {
    add("free bits " + std::to_string(static_cast<int>(free_bits)), [&](ModelSpec& spec) {
      spec.objective.free_bits = free_bits;
      spec.objective.free_nats = 0.05;
    });
  }
  add("capacity", [](ModelSpec& spec) {
    spec.objective.capacity_weight = 5.0;
    spec.objective.capacity = 2.0;
    spec.objective.capacity_epochs = 4.0;
  });
  add("total correlation", [](ModelSpec& spec) { spec.objective.total_correlation = 3.0; });
  add("mmd", [](ModelSpec& spec) { spec.objective.mmd = 10.0; });
  add("reconstruction only", [](ModelSpec& spec) { spec.objective.kl_weight = 0.0; });
  add("kl only", [](ModelSpec& spec) { spec.objective.reconstruction_weight = 0.0; });
  add("deterministic", [](ModelSpec& spec) { spec.objective.deterministic = true; });
  for (const CorruptionType type : {CorruptionType::gaussian, CorruptionType::masking, CorruptionType::saltAndPepper}) {
    add("corruption " + std::to_string(static_cast<int>(type)), [&](ModelSpec& spec) {
      spec.corruption = {type, 0.3};
    });
  }
  add("condition of numbers", [](ModelSpec& spec) { spec.condition = {2, false}; });
  add("condition of classes", [](ModelSpec& spec) { spec.condition = {3, true}; });
  return all;
}

// Any valid combination: what the facade refuses (src/options) is not drawn.
inline ModelSpec random_spec(Random* random) {
  const auto chance = [&](std::size_t one_in) { return random->index(one_in) == 0; };
  const Activation smooth[] = {Activation::tanh, Activation::softplus, Activation::silu,
                               Activation::gelu, Activation::sigmoid,  Activation::identity};
  const auto layers = [&] {
    std::vector<LayerSpec> stack;
    for (std::size_t i = random->index(3); i > 0; --i) {
      stack.push_back({1 + random->index(5), smooth[random->index(std::size(smooth))]});
    }
    return stack;
  };
  ModelSpec spec;
  spec.seed = random->index(1000);
  spec.likelihoods.resize(chance(3) ? 2 + random->index(2) : 1);
  spec.input = 0;
  for (LikelihoodSpec& part : spec.likelihoods) {
    ModelSpec own;
    own.input = 1 + random->index(7);
    set_likelihood(&own, static_cast<LikelihoodType>(random->index(7)), random);
    LikelihoodSpec& likelihood = own.likelihoods[0];
    if (likelihood.type == LikelihoodType::bernoulli) likelihood.binarize = static_cast<Binarize>(random->index(3));
    if (likelihood.type == LikelihoodType::gaussian || likelihood.type == LikelihoodType::laplace) {
      likelihood.dispersion = static_cast<DispersionType>(random->index(4));
      likelihood.fixed_dispersion = random->uniform(0.3, 2.0);
    }
    if (likelihood.type == LikelihoodType::gaussian) {
      set_covariance(&own, static_cast<CovarianceType>(random->index(3)), random);
    }
    part = likelihood;
    part.missing = may_miss(part) && chance(3);
    part.columns = own.input;
    spec.input += own.input;
  }
  spec.encoder = layers();
  spec.decoder = layers();
  ObjectiveSpec& objective = spec.objective;
  objective.samples = 1 + random->index(3);
  objective.beta = random->uniform(0.2, 2.0);
  objective.kl = chance(2) ? KlType::monteCarlo : KlType::analytic;
  spec.latents.resize(1 + random->index(3));
  for (LatentSpec& latent : spec.latents) {
    latent.type = static_cast<PosteriorType>(random->index(5));
    latent.units = 1 + random->index(3);
    if (latent.type == PosteriorType::categorical) latent.classes = 2 + random->index(3);
    if (is_discrete(latent)) {
      latent.straight_through = chance(3);
      latent.temperature = {static_cast<TemperatureDecay>(random->index(3)), 1.0, 0.5, 2.0};
      continue;
    }
    latent.full_covariance = latent.type == PosteriorType::gaussian && chance(3);
    set_prior(&latent, static_cast<PriorType>(random->index(3)), chance(2), random);
    if (latent.prior.type == PriorType::mixture) objective.kl = KlType::monteCarlo;
  }
  if (chance(2)) spec.condition = {2 + random->index(2), chance(2)};
  if (chance(3)) spec.corruption = {static_cast<CorruptionType>(1 + random->index(3)), random->uniform(0.1, 0.5)};
  if (chance(3)) {
    objective.warmup = static_cast<WarmupType>(1 + random->index(3));
    objective.warmup_epochs = random->uniform(0.5, 4.0);
  }
  const bool any_straight = std::any_of(spec.latents.begin(), spec.latents.end(),
                                        [](const LatentSpec& latent) { return latent.straight_through; });
  const bool any_discrete = std::any_of(spec.latents.begin(), spec.latents.end(), is_discrete);
  const bool fixed_priors = std::all_of(spec.latents.begin(), spec.latents.end(), [](const LatentSpec& latent) {
    return latent.prior.type != PriorType::mixture && !latent.prior.learned;
  });
  switch (random->index(7)) {
    case 0:
      objective.bound = any_discrete || chance(2) ? BoundType::iwae : BoundType::dreg;
      objective.samples = 2 + random->index(3);
      objective.kl = KlType::monteCarlo;
      break;
    case 1:
      if (any_straight) break;
      objective.estimator = Estimator::scoreFunction;
      objective.baseline = static_cast<Baseline>(random->index(3));
      if (objective.baseline == Baseline::leaveOneOut) objective.samples = 2 + random->index(2);
      break;
    case 2:
      if (objective.warmup != WarmupType::none) break;
      objective.capacity_weight = random->uniform(0.5, 5.0);
      objective.capacity = random->uniform(0.0, 3.0);
      objective.capacity_epochs = random->uniform(0.5, 4.0);
      break;
    case 3:
      objective.free_bits = objective.kl == KlType::analytic && chance(2) &&
                                    std::none_of(spec.latents.begin(), spec.latents.end(),
                                                 [](const LatentSpec& latent) { return latent.full_covariance; })
                                ? FreeBits::dimension
                                : FreeBits::group;
      objective.free_nats = random->uniform(0.0, 0.5);
      break;
    case 4:
      if (!fixed_priors || chance(2)) break;
      objective.deterministic = true;
      objective.samples = 1;
      objective.kl = KlType::analytic;
      objective.warmup = WarmupType::none;
      objective.beta = 1.0;
      break;
    case 5:
      if (chance(2))
        objective.kl_weight = 0.0;
      else
        objective.reconstruction_weight = 0.0;
      break;
    default:
      break;
  }
  const bool differentiates_z = objective.estimator == Estimator::reparameterized;
  if (differentiates_z && fixed_priors && chance(3)) objective.mmd = random->uniform(1.0, 10.0);
  if (differentiates_z && !objective.deterministic && spec.latents.size() == 1 && !any_discrete &&
      !spec.latents[0].full_covariance && chance(2)) {
    objective.total_correlation = random->uniform(0.5, 5.0);
  }
  return spec;
}

inline std::string description(const ModelSpec& spec) {
  const auto number = [](auto value) { return std::to_string(static_cast<int>(value)); };
  std::string text;
  for (const LikelihoodSpec& part : spec.likelihoods) {
    text += "likelihood " + number(part.type) + "/covariance" + number(part.covariance) + "/dispersion" +
            number(part.dispersion) + "/binarize" + number(part.binarize) + "/columns" + std::to_string(part.columns) +
            (part.codes ? "/codes" : "") + (part.missing ? "/missing" : "") + ", ";
  }
  text += "latents";
  for (const LatentSpec& latent : spec.latents) {
    text += " " + number(latent.type) + (latent.full_covariance ? "full" : "") + "/prior" + number(latent.prior.type) +
            (latent.prior.learned ? "learned" : "") + (latent.straight_through ? "/st" : "");
  }
  const ObjectiveSpec& objective = spec.objective;
  text += ", kl " + number(objective.kl) + ", bound " + number(objective.bound) + ", estimator " +
          number(objective.estimator) + ", baseline " + number(objective.baseline) + ", samples " +
          number(objective.samples) + ", free bits " + number(objective.free_bits) + ", capacity " +
          std::to_string(objective.capacity_weight) + ", tc " + std::to_string(objective.total_correlation) + ", mmd " +
          std::to_string(objective.mmd) + ", deterministic " + number(objective.deterministic) + ", corruption " +
          number(spec.corruption.type) + ", condition " + number(spec.condition.width);
  return text;
}

}  // namespace aevb::test
