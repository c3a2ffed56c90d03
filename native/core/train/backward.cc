#include "train/backward.h"

#include <algorithm>

#include "latent/gaussian.h"
#include "latent/latent.h"
#include "math/columns.h"
#include "math/panel_ops.h"
#include "model/forward.h"
#include "model/likelihood_rows.h"
#include "objective/importance.h"
#include "objective/score_function.h"

namespace aevb {

namespace {

// What the score function's gradient is weighted with: all of a draw's loss that its z decides.
void sum_draw_losses(Workspace& workspace, const ModelSpec& spec, const Step& step, std::size_t from, std::size_t to,
                     std::size_t batch) {
  for (std::size_t r = from; r < to; ++r) {
    double f = step.reconstruction * workspace.reconstruction[r];
    if (needs_densities(spec)) {
      for (std::size_t i = 0; i < workspace.latents.size(); ++i) {
        const LatentMemory& memory = workspace.latents[i];
        const double weight = static_cast<double>(step.kl_weight[i][0]) * static_cast<double>(batch);
        f += weight * (memory.log_posterior[r] - memory.log_prior[r]);
      }
    }
    workspace.draw_loss[r] = f;
  }
}

// dz → the gradients of one group's heads and of its prior.
void backward_latent(const Model& model, Workspace& workspace, std::size_t index, const Step& step,
                     const Coupling* coupling, Rows rows, std::size_t batch) {
  const auto [first, count, task, begins] = rows;
  const ModelSpec& spec = model.spec();
  const ObjectiveSpec& objective = spec.objective;
  const LatentGroup& group = model.latents()[index];
  LatentMemory& memory = workspace.latents[index];
  const std::size_t L = workspace.draws(), R = count * L, row = first * L;
  const Panels z = memory.z.from_row(row), dz = memory.dz.from_row(row);
  const Panels epsilon = memory.epsilon.from_row(row);
  HeadViews heads(memory, first);
  const float* draw_weight = workspace.draw_weight + row;

  if (is_plain_gaussian(group.spec, objective)) {
    gaussian_backward(heads.dout[0], heads.dout[1], dz, epsilon, heads.out[0], heads.out[1], step.kl_weight[index][0],
                      count, L, group.width);
    return;
  }

  const bool importance = is_importance_weighted(objective), densities = needs_densities(spec);
  const bool score = objective.estimator == Estimator::scoreFunction;
  float* scratch = memory.scratch + task * cache_lines(latent_scratch_floats(group.spec));
  Panels dprior = memory.dprior;
  if (dprior.data != nullptr) dprior = dprior.from_row(densities ? row : first);
  float* weight = memory.weight + row;
  const LatentState state = latent_state(spec, Sampling::training, step.temperature[index]);

  // ∂ loss / ∂ log q of each draw; ∂ loss / ∂ log p is its negative.
  if (densities) {
    const float of_kl = step.kl_weight[index][0] / static_cast<float>(L);
    const auto of_bound = static_cast<float>(step.beta / static_cast<double>(batch));
    for (std::size_t r = 0; r < R; ++r) weight[r] = importance ? of_bound * draw_weight[r] : of_kl;
    if (!score) {
      latent_log_posterior_backward_z(dz, group.spec, heads.out, z, epsilon, weight, scratch, count, L);
    }
    for (std::size_t r = 0; r < R; ++r) weight[r] = -weight[r];
    latent_log_prior_backward(dz, dprior, group.spec, model.prior(group), z, weight, R);
    for (std::size_t r = 0; r < R; ++r) weight[r] = -weight[r];
  }
  // All of it has each draw's weight by now, and the doubly reparameterised gradient wants that squared (importance.h).
  if (objective.bound == BoundType::dreg) scale_rows(dz, draw_weight, 1.0f, R, group.width);
  if (coupling != nullptr) coupling->backward_z(dz, group, first, count);

  if (score) {
    for (std::size_t i = 0; i < group.posterior_heads.size(); ++i)
      clear(heads.dout[i], count, group.posterior_heads[i].units);
    latent_log_posterior_backward_heads(heads.dout, group.spec, heads.out, z, epsilon, draw_weight, scratch, count, L);
  } else {
    latent_sample_backward(heads.dout, group.spec, heads.out, epsilon, z, dz, state, count, L);
    if (densities && objective.bound != BoundType::dreg) {
      latent_log_posterior_backward_heads(heads.dout, group.spec, heads.out, z, epsilon, weight, scratch, count, L);
    }
  }
  if (!densities && !objective.deterministic) {
    latent_kl_backward(heads.dout, dprior, group.spec, heads.out, model.prior(group), step.kl_weight[index].data(),
                       count);
  }
  if (coupling != nullptr) coupling->backward_heads(heads.dout, rows);
}

}  // namespace

void loss_rows(const Model& model, Workspace& workspace, const Step& step, Rows rows, std::size_t batch) {
  const auto [first, count, task, begins] = rows;
  const ModelSpec& spec = model.spec();
  const ObjectiveSpec& objective = spec.objective;
  const std::size_t L = workspace.draws(), R = count * L, row = first * L;
  const double scale = step.reconstruction / (static_cast<double>(batch) * static_cast<double>(L));
  likelihood_gradient(model, workspace, static_cast<float>(scale), first, count);
  float* draw_weight = workspace.draw_weight + row;
  if (is_importance_weighted(objective)) {
    const double* log_weight = workspace.log_weight.data() + row;
    weigh_draws(workspace, step.beta, row, row + R);
    importance_bound(workspace.bound.data() + first, log_weight, count, L);
    importance_weights(draw_weight, log_weight, count, L);
    // The likelihood's gradient counts every draw alike, 1/L.
    scale_likelihood_gradient(model, workspace, draw_weight, static_cast<float>(L), first, count);
  }
  if (objective.estimator == Estimator::scoreFunction) {
    sum_draw_losses(workspace, spec, step, row, row + R, batch);
    const double of_draw = 1.0 / (static_cast<double>(batch) * static_cast<double>(L));
    score_function_weights(draw_weight, workspace.draw_loss.data() + row, objective.baseline, step.baseline, of_draw,
                           count, L);
  }
}

void backward_latents(const Model& model, Workspace& workspace, const Step& step, const Coupling* coupling, Rows rows,
                      std::size_t batch) {
  const std::size_t L = workspace.draws(), R = rows.count * L, row = rows.first * L;
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    const Panels dz = workspace.latents[i].dz;
    if (dz.data != workspace.dz.data) {
      take_columns(dz.from_row(row), workspace.dz.from_row(row), group.z_offset, R, group.width);
    }
    backward_latent(model, workspace, i, step, coupling, rows, batch);
  }
}

void backward_bounds(const Model& model, Workspace& workspace, Rows rows) {
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    for (std::size_t j = 0; j < group.posterior_heads.size(); ++j) {
      const SpreadBound* bound = posterior_head_bound(group.spec, j);
      if (bound == nullptr) continue;
      const HeadMemory& head = workspace.latents[i].posterior_heads[j];
      bound_spread_backward(head.dout.from_row(rows.first), head.out.from_row(rows.first), *bound, rows.count,
                            group.posterior_heads[j].units);
    }
  }
}

void backward_to_heads(const Model& model, Workspace& workspace, const Step& step, Rows rows, std::size_t batch) {
  decode_rows(model, workspace, rows);
  loss_rows(model, workspace, step, rows, batch);
  const NetworkMemory::Setting setting = workspace.setting(model);
  for (const std::size_t node : model.layout().decoder.backward_order()) {
    workspace.decoder.backward(setting, node, rows.times(workspace.draws()));
  }
  backward_latents(model, workspace, step, nullptr, rows, batch);
}

}  // namespace aevb
