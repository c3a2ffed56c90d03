#include "model/workspace.h"

#include <cmath>
#include <new>

#include "latent/latent.h"
#include "likelihood/likelihood.h"
#include "math/gemm.h"

namespace aevb {

void Workspace::carve(const Model& model, Carver& carver) {
  const ModelSpec& spec = model.spec();
  const auto [rows, draws, tasks, gradients] = size_;
  const std::size_t D = spec.input, C = spec.condition.width, Z = model.layout().latent_width;
  const auto matrix = [&](std::size_t matrix_rows, std::size_t cols) {
    return carver.panels(matrix_rows, cols, matrix_width(cols));
  };
  carver.elements(reconstruction, rows * draws);
  carver.elements(kl, rows);
  carver.elements(log_weight, rows * draws);
  if (gradients && spec.objective.estimator == Estimator::scoreFunction) carver.elements(draw_loss, rows * draws);
  carver.elements(bound, rows);
  const std::size_t M = model.layout().mask_columns;
  input = matrix(rows, D + M + C);
  // As wide as the input, for panels of the same width.
  const bool corrupts = gradients && spec.corruption.type != CorruptionType::none;
  const bool scales_counts = spec.scale == ScaleType::log;
  target = corrupts || scales_counts || M > 0 ? matrix(rows, D + M + C) : input;
  if (corrupts && scales_counts) scaled = matrix(rows, D + M + C);
  const std::vector<LikelihoodPart>& parts = model.likelihoods();
  if (parts.size() > 1 || parts[0].spec.codes || M > 0) raw = matrix(rows, data_columns(parts));
  part_codes.clear();
  for (const LikelihoodPart& part : parts) {
    part_codes.push_back(parts.size() == 1 && M == 0 ? raw
                         : part.spec.codes           ? matrix(rows, part.data_columns)
                                                     : Panels{});
  }
  if (C > 0) condition = matrix(rows, C);
  if (spec.condition.classes) condition_code = matrix(rows, 1);
  encoder.carve(carver, model.layout().encoder, {.capacity = {rows, tasks, gradients}, .input = input, .dinput = {}});
  z = matrix(rows * draws, Z + C);
  if (gradients) dz = matrix(rows * draws, Z + C);
  const bool alone = model.latents().size() == 1;
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    LatentMemory& memory = latents[i];
    carver.elements(memory.kl, rows * latent_dimensions(group.spec));
    carver.elements(memory.log_posterior, rows * draws);
    carver.elements(memory.log_prior, rows * draws);
    memory.posterior_heads.clear();
    for (const Head& head : group.posterior_heads) {
      memory.posterior_heads.push_back({encoder.value(head.value).out, encoder.value(head.value).dout});
    }
    memory.epsilon = matrix(rows * draws, group.noise_width);
    // A condition stands behind z in the same panels and does not disturb.
    memory.z = alone ? z : matrix(rows * draws, group.width);
    if (gradients) {
      // The condition's columns of the gradient would be read as padding, which must be zero.
      memory.dz = alone && C == 0 ? dz : matrix(rows * draws, group.width);
      if (group.prior_parameters > 0) memory.dprior = matrix(rows * draws, group.prior_parameters);
      memory.weight = carver.floats(rows * draws);
    }
    memory.scratch = carver.floats(tasks * cache_lines(latent_scratch_floats(group.spec)));
  }
  decoder.carve(carver, model.layout().decoder,
                {.capacity = {rows * draws, tasks, gradients}, .input = z, .dinput = dz, .outputs_in_place = true});
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const LikelihoodPart& part = parts[i];
    LikelihoodMemory& memory = likelihoods[i];
    memory.heads.clear();
    for (const Head& head : part.heads) memory.heads.push_back(decoder.value(head.value).out);
    while (gradients && memory.heads.size() < likelihood_panels(part.spec)) {
      memory.heads.push_back(matrix(rows * draws, part.columns));
    }
    memory.target = parts.size() == 1 && M == 0 ? target : matrix(rows, part.columns);
    memory.present = part.spec.missing ? matrix(rows, part.data_columns) : Panels{};
    if (parts.size() > 1) carver.elements(memory.loss, rows * draws);
  }
  if (parts.size() > 1 && !gradients) decoded = matrix(rows * draws, D);
  if (gradients) draw_weight = carver.floats(rows * draws);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t width = matrix_width(parts[i].columns);
    likelihoods[i].shared_log_dispersion = carver.floats(panel_count(parts[i].columns, width) * width);
  }
}

Workspace::Workspace(const Model& model, const Size& size, WithoutMemory)
    : latents(model.latents().size()), likelihoods(model.likelihoods().size()), size_(size) {
  if (model.spec().condition.classes) condition_classes = {model.spec().condition.width};
}

Workspace::Workspace(const Model& model, const Size& size) : Workspace(model, size, WithoutMemory{}) {
  Carver count;
  carve(model, count);
  // A double counts exactly up to here, and no machine has as much.
  if (!(count.bytes() < 0x1p53)) throw std::bad_alloc();
  memory_ = AlignedFloats(count.used());
  Carver give(memory_.data());
  carve(model, give);
  refresh_likelihood(model, *this);
}

double Workspace::bytes(const Model& model, const Size& size) {
  Workspace workspace(model, size, WithoutMemory{});
  Carver count;
  workspace.carve(model, count);
  return count.bytes();
}

NetworkMemory::Setting Workspace::setting(const Model& model) const {
  return {model.parameters().data(), model.derived(), precision, training, tasks, model.spec().seed, step};
}

void refresh_likelihood(const Model& model, Workspace& workspace) {
  for (std::size_t i = 0; i < model.likelihoods().size(); ++i) {
    const LikelihoodPart& part = model.likelihoods()[i];
    float* shared = workspace.likelihoods[i].shared_log_dispersion;
    fill_shared_log_dispersion(shared, part.spec, model.raw_log_dispersion(part), part.columns);
    // A constant is in the data's units.
    if (!model.scales_target() || !has_fixed_dispersion(part.spec)) continue;
    const auto times = static_cast<float>(dispersion_power(part.spec));
    for (std::size_t d = 0; d < part.columns; ++d) shared[d] -= times * std::log(model.factor()[part.offset + d]);
  }
}

}  // namespace aevb
