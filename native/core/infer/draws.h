// Draws of z for encoded rows, and what the data cost at each of them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "math/random.h"
#include "model/model.h"
#include "model/workspace.h"

namespace aevb {

// What draws are drawn with: see latent_noise in latent/latent.h. `row`: of the first draw.
struct DrawNumbers {
  std::uint64_t seed;
  Purpose purpose;
  std::uint32_t step, row;
};

// epsilon of every group for all draws of the rows [0, count).
void draw_noise(const Model& model, Workspace& workspace, std::size_t count, const DrawNumbers& numbers);

// −log p(x|z) of all draws of the decoded rows [0, count).
void score_reconstruction(const Model& model, Workspace& workspace, std::size_t count);

// Draws z for the encoded rows [0, count), discrete variables discrete, and takes it to −log p(x|z) of each draw.
void score_draws(const Model& model, Workspace& workspace, std::size_t count, const DrawNumbers& numbers);

}  // namespace aevb
