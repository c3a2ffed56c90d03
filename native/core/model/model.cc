#include "model/model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "latent/latent.h"

namespace aevb {

Model::Model(const ModelSpec& spec)
    : layout_(spec), parameters_(layout_.parameters.size()), derived_(layout_.parameters.derived_size()) {
  for (const LikelihoodPart& part : layout_.likelihoods) {
    if (part.spec.type == LikelihoodType::categorical && part.spec.classes.empty()) {
      throw std::invalid_argument("a categorical likelihood without classes");
    }
  }
  for (const Network* network : {&layout_.encoder, &layout_.decoder}) {
    network->initialize(parameters_.data(), layout_.parameters, spec.initializer, spec.seed);
  }
  for (const LatentGroup& group : layout_.latents) {
    if (group.prior_parameters == 0) continue;
    latent_prior_initialize(parameters_.data() + group.prior_offset, group.spec, spec.seed,
                            static_cast<std::uint32_t>(group.prior_tensor));
  }
  refresh_derived();
}

double Model::bytes(const ModelSpec& spec) {
  const ModelLayout layout(spec);
  // A layer is initialised in PyTorch's layout, beside the arena.
  std::size_t largest = 0, before = 0;
  double names = 0.0;
  for (const ParameterInfo& info : layout.parameters.tensors()) {
    largest = std::max(largest, before + info.elements());
    before = info.elements();
    names += static_cast<double>(2 * sizeof(ParameterInfo) + info.name.capacity());
  }
  return names + static_cast<double>(sizeof(float)) *
                     (static_cast<double>(layout.parameters.size()) +
                      static_cast<double>(layout.parameters.derived_size()) + static_cast<double>(largest));
}

Model Model::with_objective(const ObjectiveSpec& objective) const {
  ModelSpec spec = this->spec();
  spec.objective = objective;
  spec.corruption = {};
  Model other(spec);
  other.parameters_.copy_from(parameters_);
  other.refresh_derived();
  other.epochs_trained = epochs_trained;
  other.steps_trained = steps_trained;
  return other;
}

void Model::refresh_scale() {
  const std::size_t columns = layout_.scaled_columns;
  if (columns == 0) return;
  const float *shifts = shift(), *factors = factor();
  const auto is = [](float value) { return [value](float other) { return other == value; }; };
  scale_learned_ = std::all_of(factors, factors + columns, [](float value) { return value > 0.0f; });
  const bool log = spec().scale == ScaleType::log;
  const bool identity =
      std::all_of(shifts, shifts + columns, is(0.0f)) && std::all_of(factors, factors + columns, is(1.0f));
  scales_target_ = scale_learned_ && !log && !identity;
  scales_counts_ = scale_learned_ && log;
  log_volume_ = 0.0;
  log_factor_.assign(scales_target_ ? columns : 0, 0.0);
  for (std::size_t d = 0; d < log_factor_.size(); ++d) {
    log_factor_[d] = std::log(static_cast<double>(factors[d]));
    log_volume_ += log_factor_[d];
  }
  part_log_volume_.assign(likelihoods().size(), 0.0);
  for (std::size_t i = 0; scales_target_ && i < likelihoods().size(); ++i) {
    const LikelihoodPart& part = likelihoods()[i];
    for (std::size_t d = 0; d < part.columns; ++d) part_log_volume_[i] += log_factor_[part.offset + d];
  }
}

void Model::refresh_derived() {
  refresh_scale();
  if (derived_.size() == 0) return;
  for (const Network* network : {&layout_.encoder, &layout_.decoder}) {
    network->derive(derived_.data(), parameters_.data());
  }
}

bool Model::parameters_are_finite() const {
  const float* values = parameters_.data();
  bool finite = true;
  for (std::size_t i = 0; i < parameters_.size(); ++i) finite &= std::isfinite(values[i]);
  return finite;
}

}  // namespace aevb
