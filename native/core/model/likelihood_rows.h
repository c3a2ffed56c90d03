// The likelihood of the rows of a workspace, all parts together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/model.h"
#include "model/workspace.h"

namespace aevb {

// Random numbers of a part are counted by its own columns: parts draw with seeds of their own. The first one's is
// `seed`.
std::uint64_t seed_of_part(std::uint64_t seed, std::size_t part);

// workspace.reconstruction of the data [first, first + count) = −log p(x|z) of each draw, nats, of scaled columns if
// the model scales them; each part's in its loss.
void likelihood_loss(const Model& model, Workspace& workspace, std::size_t first, std::size_t count);

// What the loss of x has beside that of scaled columns, nats: Σ log factor of the cells of a row that are present, in
// one part or in all. 0 unless the model scales what the likelihood is about.
double log_volume_of_row(const Model& model, const Workspace& workspace, std::size_t part, std::size_t row);
double log_volume_of_row(const Model& model, const Workspace& workspace, std::size_t row);

// Adds it to what likelihood_loss has left.
void add_log_volume(const Model& model, Workspace& workspace, std::size_t first, std::size_t count);

// The same as likelihood_loss, and each head becomes scale times the gradient with respect to it.
void likelihood_gradient(const Model& model, Workspace& workspace, float scale, std::size_t first, std::size_t count);

// Row r of these gradients is multiplied by weight[r] · scale.
void scale_likelihood_gradient(const Model& model, Workspace& workspace, const float* weight, float scale,
                               std::size_t first, std::size_t count);

// The sum of the rows [0, count) of each part's target whose total is given, [part][row]; empty for other parts.
using Trials = std::vector<std::vector<double>>;
Trials trials_of(const Model& model, const Workspace& workspace, std::size_t count);

// The mean of p(x|z) for the first `count` rows of the decoder, in the data's units: [count, D]. It takes the heads'
// memory. trials: what a mean whose total is given is multiplied with; empty: that of one trial.
Panels likelihood_means(const Model& model, Workspace& workspace, const Trials& trials, std::size_t count);

// The same, draws of p(x|z) instead of means. row: the number of the first one among all draws with this seed.
Panels likelihood_draws(const Model& model, Workspace& workspace, const Trials& trials, std::uint64_t seed,
                        std::size_t row, std::size_t count);

}  // namespace aevb
