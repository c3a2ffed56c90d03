// The way from data to the likelihood's parameters, for a stretch of rows.
//
// Rows are independent of each other: any stretch gives the same bits as the same rows within a larger one. All of
// these take rows [first, first + count) of the data; where a workspace is for training `first` is a multiple of
// ZEROS_RUN. Row b L + l of a matrix with a row for each draw is draw l of datum b.
#pragma once

#include <cstddef>

#include "latent/latent.h"
#include "model.h"
#include "workspace.h"

namespace aevb {

// input → the heads of q(z|x).
void encode_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count);

// How z is drawn. In training discrete variables are relaxed, but with the score function, which differentiates no
// sample; a deterministic model has no noise.
enum class Sampling {
  training,
  evaluation,  // discrete variables are discrete
  center,      // no noise: the posterior's mean, and the most probable class
  // A deterministic model, which was trained with probabilities, has them in all of these.
};

// epsilon → z of each group, `draws` for each row, and all of them side by side. temperature: of each group, for
// training.
void sample_rows(const Model& model, Workspace& workspace, Sampling sampling, const float* temperature,
                 std::size_t first, std::size_t count);

// kl of the rows: in closed form, or the mean over the draws of log q(z|x) − log p(z), which are then known as well;
// 0 of a deterministic model.
void divergence_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count);

// log q(z|x) and log p(z) of the draws in z.
void density_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count);

// log_weight of the draws [from, to): log p(x|z) + beta Σ (log p(z) − log q(z|x)), from their reconstruction and
// densities. beta is 1 in the importance-weighted bound itself.
void weigh_draws(Workspace& workspace, double beta, std::size_t from, std::size_t to);

// z and the condition → the likelihood's heads.
void decode_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count);

LatentState latent_state(const ModelSpec& spec, Sampling sampling, float temperature);

// The views that kernels take of a group's heads, from row `first` on. The longest list is that of a full covariance.
inline constexpr std::size_t MOST_LATENT_HEADS = 3;
struct HeadViews {
  HeadViews(const LatentActivity& activity, std::size_t first);
  ConstPanels out[MOST_LATENT_HEADS];
  Panels dout[MOST_LATENT_HEADS];
};

}  // namespace aevb
