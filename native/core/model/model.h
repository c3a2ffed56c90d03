// One VAE: its parameters, laid out as its specification says, and what is derived from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "layers/parameters.h"
#include "model/layout.h"
#include "network/memory.h"
#include "spec/spec.h"
#include "tensor/aligned.h"

namespace aevb {

class Model {
 public:
  // Initialised parameters. Throws as ModelLayout does.
  explicit Model(const ModelSpec& spec);

  // What the constructor takes at most, its own scratch with it. Allocates no parameters; throws as the constructor
  // does.
  static double bytes(const ModelSpec& spec);

  // The same parameters under another objective, and with clean input.
  Model with_objective(const ObjectiveSpec& objective) const;

  const ModelLayout& layout() const { return layout_; }
  const ModelSpec& spec() const { return layout_.spec; }
  const std::vector<LatentGroup>& latents() const { return layout_.latents; }
  const std::vector<ParameterInfo>& table() const { return layout_.parameters.tensors(); }

  // One tensor, row-major in PyTorch's layout; `values` holds elements() floats.
  void read(const ParameterInfo& info, float* values) const { read_tensor(values, parameters_.data(), info); }
  void write(const ParameterInfo& info, const float* values) { write_tensor(parameters_.data(), values, info); }
  // After the last write: brings what is derived from the parameters up to date.
  void refresh_derived();

  const float* prior(const LatentGroup& group) const { return parameters_.data() + group.prior_offset; }
  const std::vector<LikelihoodPart>& likelihoods() const { return layout_.likelihoods; }
  const float* raw_log_dispersion(const LikelihoodPart& part) const {
    return parameters_.data() + part.log_dispersion_offset;
  }
  const float* shift() const { return parameters_.data() + layout_.shift_offset; }
  const float* factor() const { return parameters_.data() + layout_.factor_offset; }

  // What follows from the transform's tensors. It is learned if every factor is above 0; until then, and if all are 1
  // and all shifts 0, it changes nothing.
  bool scale_learned() const { return scale_learned_; }
  // Whether the likelihood is one of scaled columns, which the encoder sees too.
  bool scales_target() const { return scales_target_; }
  // Whether the encoder sees others than the likelihood.
  bool scales_counts() const { return scales_counts_; }
  // Σ log factor of what the likelihood is about, nats: what a loss in the data's own units has beside that of the
  // scaled columns.
  double log_volume() const { return log_volume_; }
  // That of the columns of one part, and of one column.
  double part_log_volume(std::size_t part) const { return scales_target_ ? part_log_volume_[part] : 0.0; }
  double column_log_volume(std::size_t column) const { return scales_target_ ? log_factor_[column] : 0.0; }
  // After a change of these tensors; refresh_derived does it too.
  void refresh_scale();

  AlignedFloats& parameters() { return parameters_; }
  const AlignedFloats& parameters() const { return parameters_; }
  float* derived() { return derived_.data(); }
  const float* derived() const { return derived_.data(); }
  bool parameters_are_finite() const;

  // Training's memory beyond one fit: random numbers and epoch numbers go on from there.
  std::uint64_t epochs_trained = 0;
  std::uint32_t steps_trained = 0;

 private:
  ModelLayout layout_;
  AlignedFloats parameters_, derived_;
  bool scale_learned_ = false, scales_target_ = false, scales_counts_ = false;
  double log_volume_ = 0.0;
  std::vector<double> log_factor_, part_log_volume_;
};

}  // namespace aevb
