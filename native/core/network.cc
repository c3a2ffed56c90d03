#include "network.h"

#include <algorithm>

#include "latent/gaussian.h"
#include "layers/dense.h"
#include "likelihood/likelihood.h"
#include "math/columns.h"
#include "objective/objective.h"

namespace aevb {

namespace {

// Where the output is zero, the next layer's products may leave it out.
Zeros forward(const Model& model, const Workspace& workspace, const DenseLayer& layer, LayerActivity& activity,
              ConstPanels inp, std::size_t first, std::size_t count, Zeros zeros) {
  Panels pre = activity.pre;
  if (pre.data != nullptr) pre = pre.from_row(first);
  dense_forward(activity.out.from_row(first), pre, inp.from_row(first), model.weight(layer), model.bias(layer), count,
                layer.in, layer.out, layer.activation, zeros, workspace.precision_of(layer));
  return workspace.precision == Precision::float32 ? activity.zeros.find(activity.out, first, count) : Zeros{};
}

}  // namespace

HeadViews::HeadViews(const LatentActivity& activity, std::size_t first) {
  for (std::size_t i = 0; i < activity.heads.size(); ++i) {
    out[i] = activity.heads[i].out.from_row(first);
    if (activity.heads[i].dout.data != nullptr) dout[i] = activity.heads[i].dout.from_row(first);
  }
}

void encode_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  ConstPanels inp = workspace.input;
  Zeros zeros = workspace.zeros.find(inp, first, count);
  for (std::size_t i = 0; i < model.encoder.size(); ++i) {
    zeros = forward(model, workspace, model.encoder[i], workspace.encoder[i], inp, first, count, zeros);
    inp = workspace.encoder[i].out;
  }
  for (std::size_t i = 0; i < model.latents.size(); ++i) {
    for (std::size_t j = 0; j < model.latents[i].heads.size(); ++j) {
      const LayerActivity& head = workspace.latents[i].heads[j];
      forward(model, workspace, model.latents[i].heads[j], workspace.latents[i].heads[j], inp, first, count, zeros);
      if (const SpreadBound* bound = latent_head_bound(model.latents[i].spec, j)) {
        bound_spread(head.out.from_row(first), *bound, count, model.latents[i].heads[j].out);
      }
    }
  }
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

void sample_rows(const Model& model, Workspace& workspace, Sampling sampling, const float* temperature,
                 std::size_t first, std::size_t count) {
  const std::size_t L = workspace.draws();
  for (std::size_t i = 0; i < model.latents.size(); ++i) {
    const LatentGroup& group = model.latents[i];
    const LatentActivity& activity = workspace.latents[i];
    const Panels z = activity.z.from_row(first * L);
    const HeadViews heads(activity, first);
    const LatentState state = latent_state(model.spec(), sampling, temperature == nullptr ? 1.0f : temperature[i]);
    latent_sample(z, group.spec, heads.out, activity.epsilon.from_row(first * L), state, count, L);
    if (activity.z.data != workspace.z.data) {
      place_columns(workspace.z.from_row(first * L), group.first, z, count * L, group.width);
    }
  }
}

void density_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  const std::size_t L = workspace.draws();
  for (std::size_t i = 0; i < model.latents.size(); ++i) {
    const LatentGroup& group = model.latents[i];
    LatentActivity& activity = workspace.latents[i];
    const HeadViews heads(activity, first);
    const ConstPanels z = activity.z.from_row(first * L);
    latent_log_posterior(activity.log_posterior.data() + first * L, group.spec, heads.out, z,
                         activity.epsilon.from_row(first * L), count, L);
    latent_log_prior(activity.log_prior.data() + first * L, group.spec, model.prior(group), z, count * L);
  }
}

void weigh_draws(Workspace& workspace, double beta, std::size_t from, std::size_t to) {
  for (std::size_t r = from; r < to; ++r) {
    double ratio = 0.0;
    for (const LatentActivity& activity : workspace.latents) ratio += activity.log_prior[r] - activity.log_posterior[r];
    workspace.log_weight[r] = beta * ratio - workspace.reconstruction[r];
  }
}

void divergence_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  const std::size_t L = workspace.draws();
  const bool densities = needs_densities(model.spec());
  double* kl = workspace.kl.data() + first;
  if (model.latents.size() == 1 && is_plain_gaussian(model.latents[0].spec, model.spec().objective)) {
    const HeadViews heads(workspace.latents[0], first);
    return gaussian_kl(kl, heads.out[0], heads.out[1], count, model.latent_width);
  }
  std::fill_n(kl, count, 0.0);
  if (model.spec().objective.deterministic) return;
  if (densities) density_rows(model, workspace, first, count);
  for (std::size_t i = 0; i < model.latents.size(); ++i) {
    const LatentGroup& group = model.latents[i];
    LatentActivity& activity = workspace.latents[i];
    if (densities) {
      for (std::size_t row = 0; row < count; ++row) {
        double sum = 0.0;
        for (std::size_t r = (first + row) * L; r < (first + row + 1) * L; ++r) {
          sum += activity.log_posterior[r] - activity.log_prior[r];
        }
        kl[row] += sum / static_cast<double>(L);
      }
      continue;
    }
    const HeadViews heads(activity, first);
    const std::size_t dimensions = latent_dimensions(group.spec);
    double* of_group = activity.kl.data() + first * dimensions;
    latent_kl(of_group, group.spec, heads.out, model.prior(group), count);
    for (std::size_t row = 0; row < count; ++row) {
      for (std::size_t d = 0; d < dimensions; ++d) kl[row] += of_group[row * dimensions + d];
    }
  }
}

void decode_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  const std::size_t L = workspace.draws(), C = model.spec().condition.width;
  if (C > 0) {
    place_columns(workspace.z.from_row(first * L), model.latent_width, workspace.condition.from_row(first), count * L,
                  C, L);
  }
  ConstPanels inp = workspace.z;
  Zeros zeros;
  for (std::size_t i = 0; i < model.decoder.size(); ++i) {
    zeros = forward(model, workspace, model.decoder[i], workspace.decoder[i], inp, first * L, count * L, zeros);
    inp = workspace.decoder[i].out;
  }
  for (std::size_t i = 0; i < model.heads.size(); ++i) {
    LayerActivity activity;
    activity.out = workspace.heads[i];
    forward(model, workspace, model.heads[i], activity, inp, first * L, count * L, zeros);
  }
}

}  // namespace aevb
