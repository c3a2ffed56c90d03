// The way from data to the likelihood's parameters, for some rows of a workspace.
//
// Rows are independent of each other unless a layer couples them in training: any rows give the same bits as the same
// rows within a larger batch. In a workspace with gradients `first` is a multiple of ZEROS_RUN. Row b L + l of a matrix
// with a row for each draw is draw l of datum b.
#pragma once

#include <cstddef>

#include "latent/latent.h"
#include "model/model.h"
#include "model/workspace.h"
#include "tensor/shape.h"

namespace aevb {

// input → the heads of q(z|x), with the layers' behaviour outside of training.
void encode_rows(const Model& model, Workspace& workspace, Rows rows);
// What is left to do on the heads once all layers are through.
void bound_heads(const Model& model, Workspace& workspace, Rows rows);

// How z is drawn. In training discrete variables are relaxed, but not with the score function, which differentiates no
// sample; a deterministic model has no noise.
enum class Sampling {
  training,
  evaluation,  // discrete variables are discrete
  center,      // no noise: the posterior's mean, and the most probable class
  // A deterministic model, which was trained with probabilities, has them in all of these.
};

// epsilon → z of each group, `draws` for each row, and all of them side by side. temperature: of each group, for
// training.
void sample_rows(const Model& model, Workspace& workspace, Sampling sampling, const float* temperature, Rows rows);

// kl of the rows: in closed form, or the mean over the draws of log q(z|x) − log p(z), which are then known as well;
// 0 of a deterministic model.
void divergence_rows(const Model& model, Workspace& workspace, Rows rows);

// log q(z|x) and log p(z) of the draws in z.
void density_rows(const Model& model, Workspace& workspace, Rows rows);

// log_weight of the draws [from, to): log p(x|z) + beta Σ (log p(z) − log q(z|x)), from their reconstruction and
// densities. beta is 1 in the importance-weighted bound itself.
void weigh_draws(Workspace& workspace, double beta, std::size_t from, std::size_t to);

// z and the condition → the likelihood's heads, with the layers' behaviour outside of training.
void decode_rows(const Model& model, Workspace& workspace, Rows rows);
// The condition beside z, before the decoder.
void place_condition(const Model& model, Workspace& workspace, Rows rows);

LatentState latent_state(const ModelSpec& spec, Sampling sampling, float temperature);

// The views that kernels take of a group's heads, from row `first` on. The longest list is that of a full covariance.
inline constexpr std::size_t MOST_POSTERIOR_HEADS = 3;
struct HeadViews {
  HeadViews(const LatentMemory& memory, std::size_t first);
  ConstPanels out[MOST_POSTERIOR_HEADS];
  Panels dout[MOST_POSTERIOR_HEADS];
};

}  // namespace aevb
