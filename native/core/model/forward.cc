#include "model/forward.h"

#include <algorithm>

#include "latent/gaussian.h"
#include "layers/dense.h"
#include "likelihood/likelihood.h"
#include "math/columns.h"
#include "objective/objective.h"

namespace aevb {

HeadViews::HeadViews(const LatentMemory& memory, std::size_t first) {
  for (std::size_t i = 0; i < memory.posterior_heads.size(); ++i) {
    const HeadMemory& head = memory.posterior_heads[i];
    out[i] = head.out.from_row(first);
    if (head.dout.data != nullptr) dout[i] = head.dout.from_row(first);
  }
}

void bound_heads(const Model& model, Workspace& workspace, Rows rows) {
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    for (std::size_t j = 0; j < group.posterior_heads.size(); ++j) {
      const SpreadBound* bound = posterior_head_bound(group.spec, j);
      if (bound == nullptr) continue;
      const Panels out = workspace.latents[i].posterior_heads[j].out.from_row(rows.first);
      bound_spread(out, *bound, rows.count, group.posterior_heads[j].units);
    }
  }
}

void encode_rows(const Model& model, Workspace& workspace, Rows rows) {
  workspace.encoder.forward(workspace.setting(model), rows);
  bound_heads(model, workspace, rows);
}

LatentState latent_state(const ModelSpec& spec, Sampling sampling, float temperature) {
  const bool deterministic = spec.objective.deterministic;
  switch (sampling) {
    case Sampling::training:
      return {temperature, spec.objective.estimator == Estimator::scoreFunction, deterministic};
    case Sampling::evaluation:
      return {temperature, !deterministic, deterministic};
    case Sampling::center:
      return {temperature, !deterministic, true};
  }
  return {};
}

void sample_rows(const Model& model, Workspace& workspace, Sampling sampling, const float* temperature, Rows rows) {
  const auto [first, count, task, begins] = rows;
  const std::size_t L = workspace.draws();
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    const LatentMemory& memory = workspace.latents[i];
    const Panels z = memory.z.from_row(first * L);
    const HeadViews heads(memory, first);
    const LatentState state = latent_state(model.spec(), sampling, temperature == nullptr ? 1.0f : temperature[i]);
    latent_sample(z, group.spec, heads.out, memory.epsilon.from_row(first * L), state, count, L);
    if (memory.z.data != workspace.z.data) {
      place_columns(workspace.z.from_row(first * L), group.z_offset, z, count * L, group.width);
    }
  }
}

void density_rows(const Model& model, Workspace& workspace, Rows rows) {
  const auto [first, count, task, begins] = rows;
  const std::size_t L = workspace.draws();
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    LatentMemory& memory = workspace.latents[i];
    const HeadViews heads(memory, first);
    const ConstPanels z = memory.z.from_row(first * L);
    latent_log_posterior(memory.log_posterior.data() + first * L, group.spec, heads.out, z,
                         memory.epsilon.from_row(first * L), count, L);
    latent_log_prior(memory.log_prior.data() + first * L, group.spec, model.prior(group), z, count * L);
  }
}

void weigh_draws(Workspace& workspace, double beta, std::size_t from, std::size_t to) {
  for (std::size_t r = from; r < to; ++r) {
    double ratio = 0.0;
    for (const LatentMemory& memory : workspace.latents) ratio += memory.log_prior[r] - memory.log_posterior[r];
    workspace.log_weight[r] = beta * ratio - workspace.reconstruction[r];
  }
}

void divergence_rows(const Model& model, Workspace& workspace, Rows rows) {
  const auto [first, count, task, begins] = rows;
  const std::size_t L = workspace.draws();
  const bool densities = needs_densities(model.spec());
  double* kl = workspace.kl.data() + first;
  if (model.latents().size() == 1 && is_plain_gaussian(model.latents()[0].spec, model.spec().objective)) {
    const HeadViews heads(workspace.latents[0], first);
    return gaussian_kl(kl, heads.out[0], heads.out[1], count, model.layout().latent_width);
  }
  std::fill_n(kl, count, 0.0);
  if (model.spec().objective.deterministic) return;
  if (densities) density_rows(model, workspace, rows);
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    LatentMemory& memory = workspace.latents[i];
    if (densities) {
      for (std::size_t row = 0; row < count; ++row) {
        double sum = 0.0;
        for (std::size_t r = (first + row) * L; r < (first + row + 1) * L; ++r) {
          sum += memory.log_posterior[r] - memory.log_prior[r];
        }
        kl[row] += sum / static_cast<double>(L);
      }
      continue;
    }
    const HeadViews heads(memory, first);
    const std::size_t dimensions = latent_dimensions(group.spec);
    double* of_group = memory.kl.data() + first * dimensions;
    latent_kl(of_group, group.spec, heads.out, model.prior(group), count);
    for (std::size_t row = 0; row < count; ++row) {
      for (std::size_t d = 0; d < dimensions; ++d) kl[row] += of_group[row * dimensions + d];
    }
  }
}

void place_condition(const Model& model, Workspace& workspace, Rows rows) {
  const std::size_t L = workspace.draws(), C = model.spec().condition.width;
  if (C == 0) return;
  place_columns(workspace.z.from_row(rows.first * L), model.layout().latent_width,
                workspace.condition.from_row(rows.first), rows.count * L, C, L);
}

void decode_rows(const Model& model, Workspace& workspace, Rows rows) {
  place_condition(model, workspace, rows);
  workspace.decoder.forward(workspace.setting(model), rows.times(workspace.draws()));
}

}  // namespace aevb
