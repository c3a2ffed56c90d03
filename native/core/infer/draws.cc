#include "infer/draws.h"

#include "latent/latent.h"
#include "model/forward.h"
#include "model/likelihood_rows.h"

namespace aevb {

void draw_noise(const Model& model, Workspace& workspace, std::size_t count, const DrawNumbers& numbers) {
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    latent_noise(workspace.latents[i].epsilon, model.latents()[i].spec, count * workspace.draws(), numbers.seed,
                 numbers.purpose, numbers.step, numbers.row, static_cast<std::uint32_t>(i));
  }
}

void score_reconstruction(const Model& model, Workspace& workspace, std::size_t count) {
  likelihood_loss(model, workspace, 0, count);
  add_log_volume(model, workspace, 0, count);
}

void score_draws(const Model& model, Workspace& workspace, std::size_t count, const DrawNumbers& numbers) {
  draw_noise(model, workspace, count, numbers);
  sample_rows(model, workspace, Sampling::evaluation, nullptr, {0, count});
  decode_rows(model, workspace, {0, count});
  score_reconstruction(model, workspace, count);
}

}  // namespace aevb
