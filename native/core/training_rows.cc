#include "training_rows.h"

#include <algorithm>

#include "latent/gaussian.h"
#include "latent/latent.h"
#include "layers/activation.h"
#include "layers/dense.h"
#include "likelihood/likelihood.h"
#include "math/columns.h"
#include "math/panel_ops.h"
#include "network.h"
#include "objective/importance.h"
#include "objective/score_function.h"

namespace aevb {

namespace {

void backward_input(const Model& model, const Workspace& workspace, const DenseLayer& layer, Panels dinp,
                    ConstPanels dout, std::size_t first, std::size_t count, bool accumulate) {
  dense_backward_input(dinp.from_row(first), dout.from_row(first), model.weight(layer), model.transposed(layer), count,
                       layer.in, layer.out, accumulate, workspace.precision_of(layer));
}

// Through the activation, in place: dout is with respect to the layer's output before, and to its input after.
void backward_activation(const DenseLayer& layer, const LayerActivity& activity, std::size_t first, std::size_t count) {
  const Panels value = activation_reads_input(layer.activation) ? activity.pre : activity.out;
  activation_backward(activity.dout.from_row(first), activity.dout.from_row(first), value.from_row(first), count,
                      layer.out, layer.activation);
}

// From the last layer of a stack, whose dout holds the gradient of its output, down to the first; what lies before the
// first layer receives its gradient in `dinp`, unless that is the data.
void backward_stack(const Model& model, const Workspace& workspace, const std::vector<DenseLayer>& layers,
                    const std::vector<LayerActivity>& activities, Panels dinp, std::size_t first, std::size_t count) {
  for (std::size_t i = layers.size(); i-- > 0;) {
    backward_activation(layers[i], activities[i], first, count);
    if (layers[i].backward_input) {
      backward_input(model, workspace, layers[i], i > 0 ? activities[i - 1].dout : dinp, activities[i].dout, first,
                     count, false);
    }
  }
}

// What the score function's gradient is weighted with: all of a draw's loss that its z decides.
void sum_draw_losses(Workspace& workspace, const ModelSpec& spec, const Step& step, std::size_t from, std::size_t to,
                     std::size_t batch) {
  for (std::size_t r = from; r < to; ++r) {
    double f = step.reconstruction * workspace.reconstruction[r];
    if (needs_densities(spec)) {
      for (std::size_t i = 0; i < workspace.latents.size(); ++i) {
        const LatentActivity& activity = workspace.latents[i];
        const double weight = static_cast<double>(step.kl_weight[i][0]) * static_cast<double>(batch);
        f += weight * (activity.log_posterior[r] - activity.log_prior[r]);
      }
    }
    workspace.draw_loss[r] = f;
  }
}

// dz → the gradients of one group's heads and of its prior.
void backward_latent(const Model& model, Workspace& workspace, std::size_t index, const Step& step,
                     const Coupling* coupling, std::size_t first, std::size_t count, std::size_t batch) {
  const ModelSpec& spec = model.spec();
  const ObjectiveSpec& objective = spec.objective;
  const LatentGroup& group = model.latents[index];
  LatentActivity& activity = workspace.latents[index];
  const std::size_t L = workspace.draws(), R = count * L, row = first * L;
  const Panels z = activity.z.from_row(row), dz = activity.dz.from_row(row);
  const Panels epsilon = activity.epsilon.from_row(row);
  HeadViews heads(activity, first);
  const float* draw_weight = workspace.draw_weight + row;

  if (is_plain_gaussian(group.spec, objective)) {
    gaussian_backward(heads.dout[0], heads.dout[1], dz, epsilon, heads.out[0], heads.out[1], step.kl_weight[index][0],
                      count, L, group.width);
    return;
  }

  const bool importance = is_importance_weighted(objective), densities = needs_densities(spec);
  const bool score = objective.estimator == Estimator::scoreFunction;
  float* scratch = activity.scratch + first / ZEROS_RUN * cache_lines(latent_scratch_floats(group.spec));
  Panels dprior = activity.dprior;
  if (dprior.data != nullptr) dprior = dprior.from_row(densities ? row : first);
  float* weight = activity.weight + row;
  const LatentState state = latent_state(spec, Sampling::training, step.temperature[index]);

  // ∂ loss / ∂ log q of each draw; of log p it is the opposite.
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
    for (std::size_t i = 0; i < group.heads.size(); ++i) clear(heads.dout[i], count, group.heads[i].out);
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
  if (coupling != nullptr) coupling->backward_heads(heads.dout, first, count);
}

}  // namespace

void forward_rows(const Model& model, Workspace& workspace, const Step& step, std::size_t first, std::size_t count) {
  encode_rows(model, workspace, first, count);
  sample_rows(model, workspace, Sampling::training, step.temperature.data(), first, count);
  divergence_rows(model, workspace, first, count);
}

void backward_to_heads(const Model& model, Workspace& workspace, const Step& step, const Coupling* coupling,
                       std::size_t first, std::size_t count, std::size_t batch) {
  const ModelSpec& spec = model.spec();
  const ObjectiveSpec& objective = spec.objective;
  const std::size_t L = workspace.draws(), R = count * L, row = first * L;
  decode_rows(model, workspace, first, count);

  const double scale = step.reconstruction / (static_cast<double>(batch) * static_cast<double>(L));
  Panels heads[MOST_LIKELIHOOD_PANELS];
  for (std::size_t i = 0; i < workspace.heads.size(); ++i) heads[i] = workspace.heads[i].from_row(row);
  likelihood_forward_backward(workspace.reconstruction.data() + row, spec.likelihood, heads,
                              workspace.shared_log_dispersion, workspace.target.from_row(first),
                              static_cast<float>(scale), count, L, spec.input);
  float* draw_weight = workspace.draw_weight + row;
  if (is_importance_weighted(objective)) {
    const double* log_weight = workspace.log_weight.data() + row;
    weigh_draws(workspace, step.beta, row, row + R);
    importance_bound(workspace.bound.data() + first, log_weight, count, L);
    importance_weights(draw_weight, log_weight, count, L);
    // The likelihood's gradient counts every draw alike, 1/L.
    for (std::size_t i = 0; i < workspace.heads.size(); ++i) {
      const std::size_t units = i < model.heads.size() ? model.heads[i].out : spec.input;
      scale_rows(heads[i], draw_weight, static_cast<float>(L), R, units);
    }
  }
  if (objective.estimator == Estimator::scoreFunction) {
    sum_draw_losses(workspace, spec, step, row, row + R, batch);
    const double of_draw = 1.0 / (static_cast<double>(batch) * static_cast<double>(L));
    score_function_weights(draw_weight, workspace.draw_loss.data() + row, objective.baseline, step.baseline, of_draw,
                           count, L);
  }

  std::vector<LayerActivity>& decoder = workspace.decoder;
  const Panels dlast = decoder.empty() ? workspace.dz : decoder.back().dout;
  for (std::size_t i = 0; i < model.heads.size(); ++i) {
    backward_input(model, workspace, model.heads[i], dlast, workspace.heads[i], row, R, i > 0);
  }
  backward_stack(model, workspace, model.decoder, decoder, workspace.dz, row, R);

  for (std::size_t i = 0; i < model.latents.size(); ++i) {
    const LatentGroup& group = model.latents[i];
    const Panels dz = workspace.latents[i].dz;
    if (dz.data != workspace.dz.data) {
      take_columns(dz.from_row(row), workspace.dz.from_row(row), group.first, R, group.width);
    }
    backward_latent(model, workspace, i, step, coupling, first, count, batch);
  }
}

void backward_rows(const Model& model, Workspace& workspace, const Step& step, const Coupling* coupling,
                   std::size_t first, std::size_t count, std::size_t batch) {
  backward_to_heads(model, workspace, step, coupling, first, count, batch);
  for (std::size_t i = 0; i < model.latents.size(); ++i) {
    for (std::size_t j = 0; j < model.latents[i].heads.size(); ++j) {
      const SpreadBound* bound = latent_head_bound(model.latents[i].spec, j);
      if (bound == nullptr) continue;
      const LayerActivity& head = workspace.latents[i].heads[j];
      bound_spread_backward(head.dout.from_row(first), head.out.from_row(first), *bound, count,
                            model.latents[i].heads[j].out);
    }
  }
  if (model.encoder.empty()) return;
  const Panels dencoded = workspace.encoder.back().dout;
  bool accumulate = false;
  for (std::size_t i = 0; i < model.latents.size(); ++i) {
    for (std::size_t j = 0; j < model.latents[i].heads.size(); ++j) {
      backward_input(model, workspace, model.latents[i].heads[j], dencoded, workspace.latents[i].heads[j].dout, first,
                     count, accumulate);
      accumulate = true;
    }
  }
  backward_stack(model, workspace, model.encoder, workspace.encoder, {}, first, count);
}

}  // namespace aevb
