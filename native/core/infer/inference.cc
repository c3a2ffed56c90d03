#include "infer/inference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "infer/draws.h"
#include "infer/for_rows.h"
#include "infer/importance_weights.h"
#include "latent/latent.h"
#include "math/columns.h"
#include "math/gather.h"
#include "math/panel_ops.h"
#include "math/random.h"
#include "model/forward.h"
#include "model/likelihood_rows.h"
#include "model/prior_sample.h"
#include "model/scaling.h"
#include "objective/objective.h"

namespace aevb {

namespace {

// Draws of z that pass through the decoder together.
constexpr std::size_t DRAWS_PER_PASS = 128;

// The same as of inference.model, for a pass that only goes forward.
template <typename Body>
void for_rows(const Inference& inference, std::size_t rows, std::size_t rows_per_task, std::size_t draws, Body body) {
  aevb::for_rows(inference, inference.model, rows, rows_per_task, draws, false, body);
}

// Draws that evaluate takes through the decoder together, and its rows of a task: as many as keep the decoder's part of
// it in the cache. A row of many draws passes them through the decoder part by part.
std::size_t draws_of_pass(std::size_t samples) { return std::min(samples, DRAWS_PER_PASS); }
std::size_t rows_to_evaluate(std::size_t samples) {
  const std::size_t draws = draws_of_pass(samples);
  return samples > draws ? 1 : std::max<std::size_t>(1, ROWS_PER_TASK / draws);
}

// The decoded rows [0, count) as the mean of p(x|z), or as draws, to row-major memory. row: the first one's number.
void write_decoded(const Model& model, Workspace& workspace, float* out, const Drawing& drawing, const Trials& trials,
                   std::size_t row, std::size_t count) {
  decode_rows(model, workspace, {0, count});
  const Panels rows = drawing.draw ? likelihood_draws(model, workspace, trials, drawing.seed, row, count)
                                   : likelihood_means(model, workspace, trials, count);
  scatter_rows(out, rows, count, model.spec().input);
}

// z of the rows [0, count), draws from their posteriors; `row`: the first one's number.
void draw_rows(const Model& model, Workspace& workspace, std::uint64_t seed, std::size_t row, std::size_t count) {
  draw_noise(model, workspace, count, {seed, Purpose::posterior, 0, static_cast<std::uint32_t>(row)});
  sample_rows(model, workspace, Sampling::evaluation, nullptr, {0, count});
}

void write_draws(const Model& model, Workspace& workspace, const PosteriorDraws& draws, std::size_t row,
                 std::size_t count) {
  if (draws.z == nullptr) return;
  draw_rows(model, workspace, draws.seed, row, count);
  scatter_rows(draws.z + row * model.layout().latent_width, workspace.z, count, model.layout().latent_width);
}

// z of the rows [0, count) at the posterior's mean or mode. Densities ask for the noise it is made of: none.
void center_rows(const Model& model, Workspace& workspace, std::size_t count) {
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    clear(workspace.latents[i].epsilon, count, model.latents()[i].noise_width);
  }
  sample_rows(model, workspace, Sampling::center, nullptr, {0, count});
}

// The terms of one row, summed over its draws.
struct DrawSums {
  double reconstruction = 0.0;  // −log p(x|z)
  double divergence = 0.0;      // log q(z|x) − log p(z)
  LogSumExp weights;            // of the importance-weighted bound
};

// Calls body(sums of its row, draw) for the first `wanted` draws of each row.
template <typename Body>
void for_draws(std::vector<DrawSums>* sums, const Workspace& workspace, std::size_t wanted, Body body) {
  for (std::size_t row = 0; row < sums->size(); ++row) {
    const std::size_t first = row * workspace.draws();
    for (std::size_t r = first; r < first + wanted; ++r) body((*sums)[row], r);
  }
}

void add_reconstruction(std::vector<DrawSums>* sums, const Workspace& workspace, std::size_t wanted) {
  for_draws(sums, workspace, wanted,
            [&](DrawSums& row, std::size_t r) { row.reconstruction += workspace.reconstruction[r]; });
}

void add_divergence(std::vector<DrawSums>* sums, const Model& model, Workspace& workspace, std::size_t wanted) {
  density_rows(model, workspace, {0, sums->size()});
  for_draws(sums, workspace, wanted, [&](DrawSums& row, std::size_t r) {
    for (const LatentMemory& memory : workspace.latents) {
      row.divergence += memory.log_posterior[r] - memory.log_prior[r];
    }
  });
}

// After add_divergence, whose densities these are.
void add_weights(std::vector<DrawSums>* sums, Workspace& workspace, double beta, std::size_t wanted) {
  weigh_draws(workspace, beta, 0, sums->size() * workspace.draws());
  for_draws(sums, workspace, wanted, [&](DrawSums& row, std::size_t r) {
    // If beta is 0 densities that have overflowed are no part of it.
    row.weights.add(beta == 0.0 ? -workspace.reconstruction[r] : workspace.log_weight[r]);
  });
}

// batch_terms of terms of which some may be +∞.
Terms terms_of_rows(const ObjectiveSpec& objective, const Step& step, const std::vector<double>& reconstruction,
                    const std::vector<double>& kl, const std::vector<double>& bound) {
  Terms terms = batch_terms(objective, step, reconstruction.data(), kl.data(), bound.data(), kl.size(), 1);
  // No term is −∞, so that this is 0 · ∞: what has no weight is no part of the loss.
  if (std::isnan(terms.loss)) {
    const auto weighted = [](double weight, double term) { return weight == 0.0 ? 0.0 : weight * term; };
    terms.loss = weighted(step.reconstruction, terms.reconstruction) + weighted(step.beta, terms.kl);
  }
  return terms;
}

}  // namespace

double rows_bytes(const Model& model, std::size_t rows, std::size_t threads) {
  return for_rows_bytes(model, rows, ROWS_PER_TASK, 1, false, threads);
}

double evaluate_bytes(const Model& model, std::size_t rows, std::size_t samples, std::size_t threads) {
  // Terms and bound of each row.
  return 3.0 * sizeof(double) * static_cast<double>(rows) +
         for_rows_bytes(model, rows, rows_to_evaluate(samples), draws_of_pass(samples), false, threads);
}

void write_posterior(const Model& model, const Workspace& workspace, const std::vector<float*>& heads, float* mean,
                     std::size_t first, std::size_t count) {
  std::size_t head = 0;
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    const LatentMemory& memory = workspace.latents[i];
    for (std::size_t j = 0; j < group.posterior_heads.size(); ++j, ++head) {
      const std::size_t units = group.posterior_heads[j].units;
      scatter_rows(heads[head] + first * units, memory.posterior_heads[j].out, count, units);
    }
    if (mean == nullptr) continue;
    const HeadViews views(memory, 0);
    latent_mean(memory.z, group.spec, views.out, count);
    if (memory.z.data != workspace.z.data) place_columns(workspace.z, group.z_offset, memory.z, count, group.width);
  }
  if (mean != nullptr)
    scatter_rows(mean + first * model.layout().latent_width, workspace.z, count, model.layout().latent_width);
}

void RowEncoder::encode(const std::vector<float*>& heads, float* mean, const Examples& examples,
                        const PosteriorDraws& draws) {
  load_rows(model_, workspace_, examples, {}, nullptr, 0, 0, 1);
  encode_rows(model_, workspace_, {0, 1});
  write_posterior(model_, workspace_, heads, mean, 0, 1);
  write_draws(model_, workspace_, draws, 0, 1);
}

Terms Inference::evaluate(const Examples& examples, std::size_t samples, std::uint64_t seed) const {
  const ModelSpec& spec = model.spec();
  const std::size_t rows = examples.rows();
  const bool importance = is_importance_weighted(spec.objective), densities = needs_densities(spec);
  const auto draws_of_row = static_cast<double>(samples);
  std::vector<double> reconstruction(rows), kl(rows), bound(importance ? rows : 0);
  const std::vector<LikelihoodPart>& parts = model.likelihoods();
  std::vector<std::vector<double>> of_parts(parts.size() > 1 ? parts.size() : 0, std::vector<double>(rows));
  Step step(spec);
  step.begin(spec, 1, std::numeric_limits<double>::infinity());
  const std::size_t draws = draws_of_pass(samples);
  for_rows(
      *this, rows, rows_to_evaluate(samples), draws, [&](Workspace& workspace, std::size_t first, std::size_t count) {
        load_rows(model, workspace, examples, {seed, true, 0, false, 0}, nullptr, first, 0, count);
        encode_rows(model, workspace, {0, count});
        if (!densities) divergence_rows(model, workspace, {0, count});
        std::vector<DrawSums> sums(count);
        for (std::size_t pass = 0; pass < samples && !cancelled.load(std::memory_order_relaxed); pass += draws) {
          const std::uint64_t index = static_cast<std::uint64_t>(first) * samples + pass;
          score_draws(
              model, workspace, count,
              {seed, Purpose::evaluate, static_cast<std::uint32_t>(index >> 32), static_cast<std::uint32_t>(index)});
          // The last pass may need fewer draws than it makes: what is beyond is dropped.
          const std::size_t wanted = std::min(draws, samples - pass);
          add_reconstruction(&sums, workspace, wanted);
          for (std::size_t i = 0; i < of_parts.size(); ++i) {
            double* of_row = of_parts[i].data() + first;
            for_draws(&sums, workspace, wanted, [&](DrawSums&, std::size_t r) {
              of_row[r / workspace.draws()] += workspace.likelihoods[i].loss[r];
            });
          }
          if (densities) add_divergence(&sums, model, workspace, wanted);
          if (importance) add_weights(&sums, workspace, step.beta, wanted);
        }
        for (std::size_t row = 0; row < count; ++row) {
          const double divergence = densities ? sums[row].divergence / draws_of_row : workspace.kl[row];
          reconstruction[first + row] = infinite_unless_finite(sums[row].reconstruction / draws_of_row);
          kl[first + row] = infinite_unless_finite(divergence);
          if (importance) bound[first + row] = sums[row].weights.log_sum() - std::log(draws_of_row);
        }
      });
  Terms terms = terms_of_rows(spec.objective, step, reconstruction, kl, bound);
  for (std::size_t i = 0; i < of_parts.size(); ++i) {
    double sum = 0.0;
    for (const double loss : of_parts[i]) {
      sum += infinite_unless_finite(loss / draws_of_row);
    }
    terms.parts.push_back(sum / static_cast<double>(rows));
  }
  return terms;
}

void Inference::encode(const std::vector<float*>& heads, float* mean, const Examples& examples,
                       const PosteriorDraws& draws) const {
  for_rows(*this, examples.rows(), ROWS_PER_TASK, 1, [&](Workspace& workspace, std::size_t first, std::size_t count) {
    load_rows(model, workspace, examples, {}, nullptr, first, 0, count);
    encode_rows(model, workspace, {0, count});
    write_posterior(model, workspace, heads, mean, first, count);
    write_draws(model, workspace, draws, first, count);
  });
}

void Inference::decode(float* out, const Dataset& z, const Dataset* condition, const Drawing& drawing) const {
  for_rows(*this, z.rows(), ROWS_PER_TASK, 1, [&](Workspace& workspace, std::size_t first, std::size_t count) {
    z.copy(workspace.z, first, count);
    if (condition != nullptr) load_condition(model, workspace, *condition, nullptr, first, 0, count);
    write_decoded(model, workspace, out + first * model.spec().input, drawing, {}, first, count);
  });
}

void Inference::reconstruct(float* out, const Examples& examples, const Drawing& drawing, LatentChoice latent) const {
  for_rows(*this, examples.rows(), ROWS_PER_TASK, 1, [&](Workspace& workspace, std::size_t first, std::size_t count) {
    load_rows(model, workspace, examples, {}, nullptr, first, 0, count);
    encode_rows(model, workspace, {0, count});
    if (latent == LatentChoice::draw) {
      draw_rows(model, workspace, drawing.seed, first, count);
    } else {
      center_rows(model, workspace, count);
    }
    write_decoded(model, workspace, out + first * model.spec().input, drawing, trials_of(model, workspace, count),
                  first, count);
  });
}

void Inference::sample(float* out, float* z, std::size_t count, const Dataset* condition,
                       const Drawing& drawing) const {
  const std::size_t Z = model.layout().latent_width;
  for_rows(*this, count, ROWS_PER_TASK, 1, [&](Workspace& workspace, std::size_t first, std::size_t rows) {
    sample_prior(workspace.z, model, drawing.seed, Purpose::prior, 0, static_cast<std::uint32_t>(first), rows);
    if (z != nullptr) scatter_rows(z + first * Z, workspace.z, rows, Z);
    if (condition != nullptr) load_condition(model, workspace, *condition, nullptr, first, 0, rows);
    write_decoded(model, workspace, out + first * model.spec().input, drawing, {}, first, rows);
  });
}

void Inference::anomaly_score(double* score, const Examples& examples) const {
  for_rows(*this, examples.rows(), ROWS_PER_TASK, 1, [&](Workspace& workspace, std::size_t first, std::size_t count) {
    load_rows(model, workspace, examples, {}, nullptr, first, 0, count);
    encode_rows(model, workspace, {0, count});
    center_rows(model, workspace, count);
    decode_rows(model, workspace, {0, count});
    score_reconstruction(model, workspace, count);
    divergence_rows(model, workspace, {0, count});
    for (std::size_t row = 0; row < count; ++row) {
      score[first + row] =
          infinite_unless_finite(workspace.reconstruction[row]) + infinite_unless_finite(workspace.kl[row]);
    }
  });
}

}  // namespace aevb
