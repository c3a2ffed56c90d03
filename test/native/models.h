// Models that several C++ tests train: one of each kind that the specification can express.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "math/gemm.h"
#include "math/target.h"
#include "model/model.h"
#include "reference/layers.h"
#include "spec/spec.h"
#include "support.h"

namespace aevb::test {

struct NamedSpec {
  std::string name;
  ModelSpec spec;
};

inline std::vector<NamedSpec> model_specs() {
  ModelSpec plain;
  plain.input = 53;
  plain.encoder = {{19, Activation::relu}};
  plain.latents[0].units = 5;
  plain.decoder = {{21, Activation::relu}};
  plain.seed = 11;
  std::vector<NamedSpec> all{{"bernoulli", plain}};
  const auto add = [&](const std::string& name, auto change) {
    ModelSpec spec = plain;
    change(spec);
    all.push_back({name, spec});
  };
  add("three_draws", [](ModelSpec& spec) { spec.objective.samples = 3; });
  add("beta_four", [](ModelSpec& spec) { spec.objective.beta = 4.0; });
  add("beta_zero", [](ModelSpec& spec) { spec.objective.beta = 0.0; });
  add("no_hidden_layers", [](ModelSpec& spec) {
    spec.encoder.clear();
    spec.decoder.clear();
  });
  add("deep", [](ModelSpec& spec) {
    spec.encoder = {{50, Activation::leakyRelu}, {17, Activation::elu}, {9, Activation::gelu}};
    spec.decoder = {{8, Activation::silu}, {97, Activation::tanh}, {13, Activation::sigmoid}};
  });
  add("smooth", [](ModelSpec& spec) {
    spec.encoder = {{16, Activation::softplus}};
    spec.decoder = {{48, Activation::identity}};
  });
  const auto with_dispersion = [&](const std::string& name, LikelihoodType type, DispersionType variance,
                                   std::size_t samples) {
    add(name, [&](ModelSpec& spec) {
      spec.likelihoods[0].type = type;
      spec.likelihoods[0].dispersion = variance;
      spec.likelihoods[0].fixed_dispersion = 0.3;
      spec.objective.samples = samples;
    });
  };
  with_dispersion("gaussian_fixed", LikelihoodType::gaussian, DispersionType::fixed, 1);
  with_dispersion("gaussian_learned", LikelihoodType::gaussian, DispersionType::learned, 2);
  with_dispersion("gaussian_per_feature", LikelihoodType::gaussian, DispersionType::perFeature, 2);
  with_dispersion("gaussian_per_datum", LikelihoodType::gaussian, DispersionType::perDatum, 2);
  with_dispersion("laplace_fixed", LikelihoodType::laplace, DispersionType::fixed, 1);
  with_dispersion("laplace_learned", LikelihoodType::laplace, DispersionType::learned, 2);
  with_dispersion("laplace_per_feature", LikelihoodType::laplace, DispersionType::perFeature, 2);
  with_dispersion("laplace_per_datum", LikelihoodType::laplace, DispersionType::perDatum, 2);
  const auto with_covariance = [&](const std::string& name, CovarianceType covariance, DispersionType variance) {
    add(name, [&](ModelSpec& spec) {
      spec.likelihoods[0].type = LikelihoodType::gaussian;
      spec.likelihoods[0].dispersion = variance;
      spec.likelihoods[0].fixed_dispersion = 0.3;
      spec.likelihoods[0].covariance = covariance;
      spec.likelihoods[0].rank = covariance == CovarianceType::lowRank ? 3 : 0;
      spec.objective.samples = 2;
    });
  };
  with_covariance("gaussian_full", CovarianceType::full, DispersionType::perDatum);
  with_covariance("gaussian_full_per_feature", CovarianceType::full, DispersionType::perFeature);
  with_covariance("gaussian_low_rank", CovarianceType::lowRank, DispersionType::perDatum);
  with_covariance("gaussian_low_rank_learned", CovarianceType::lowRank, DispersionType::learned);
  with_covariance("gaussian_low_rank_fixed", CovarianceType::lowRank, DispersionType::fixed);
  add("continuous_bernoulli", [](ModelSpec& spec) { spec.likelihoods[0].type = LikelihoodType::continuousBernoulli; });
  add("wide", [](ModelSpec& spec) {
    spec.input = 201;
    spec.encoder = {{130, Activation::relu}};
    spec.decoder = {{145, Activation::relu}};
    spec.latents[0].units = 50;
  });
  return all;
}

// The model's parameters as the reference reads them.
inline reference::Parameters parameters_of(const Model& model, const float* arena) {
  reference::Parameters parameters;
  for (const ParameterInfo& info : model.table()) {
    std::vector<float> values(info.elements());
    read_tensor(values.data(), arena, info);
    parameters[info.name] = Vector(values.begin(), values.end());
  }
  return parameters;
}

inline reference::Parameters parameters_of(const Model& model) {
  return parameters_of(model, model.parameters().data());
}

inline std::vector<float> to_floats(const Vector& values) { return {values.begin(), values.end()}; }

struct Backend {
  Gemm gemm;
  Target target;
};

inline std::vector<Backend> backends() {
  std::vector<Backend> all;
  int count = 0;
  const Target* targets = runnable_targets(&count);
  for (int i = 0; i < count; ++i) all.push_back({Gemm::builtin, targets[i]});
  if (cblas_available()) all.push_back({Gemm::cblas, targets[count - 1]});
  return all;
}

inline std::string backend_name(const Backend& backend) {
  return std::string(gemm_name(backend.gemm)) + "_" + target_name(backend.target);
}

// For the length of a test.
class UseBackend {
 public:
  explicit UseBackend(const Backend& backend) {
    set_active_target(backend.target);
    set_active_gemm(backend.gemm);
  }
  ~UseBackend() {
    int count = 0;
    const Target* targets = runnable_targets(&count);
    set_active_target(targets[count - 1]);
    set_active_gemm(Gemm::builtin);
  }
};

}  // namespace aevb::test
