#include "infer/log_likelihood.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "infer/discrete.h"
#include "infer/draws.h"
#include "infer/for_rows.h"
#include "infer/importance_weights.h"
#include "infer/mean_field.h"
#include "infer/refine.h"
#include "latent/latent.h"
#include "latent/recover_noise.h"
#include "math/columns.h"
#include "math/gather.h"
#include "model/forward.h"
#include "model/prior_sample.h"

namespace aevb {

namespace {

// Draws of z that pass through the decoder together.
constexpr std::size_t DRAWS_PER_PASS = 128;

// In the defensive proposal, the draws EVERY − 1, 2 EVERY − 1, ... are the prior's.
constexpr std::size_t EVERY = 10;

// Heads of q(z|x) of all rows, row-major, that stand in for the encoder's.
class Heads {
 public:
  Heads(const Model& model, std::size_t rows) {
    for (const LatentGroup& group : model.latents()) {
      for (const Head& head : group.posterior_heads) values_.emplace_back(rows * head.units);
    }
    for (std::vector<float>& head : values_) views_.push_back(head.data());
  }

  const std::vector<float*>& views() const { return views_; }

  // Those of one row, to row 0 of the workspace, where its own have been.
  void place(const Model& model, Workspace& workspace, std::size_t row) const {
    const std::vector<DiscreteVariable> variables = discrete_variables(model);
    std::vector<std::vector<double>> before;
    for (const DiscreteVariable& variable : variables) before.push_back(probabilities(workspace, variable));
    overwrite(model, workspace, row);
    for (std::size_t v = 0; v < variables.size(); ++v) {
      std::vector<double> logits = probabilities(workspace, variables[v]);
      for (std::size_t k = 0; k < logits.size(); ++k) logits[k] = std::log(0.5 * (logits[k] + before[v][k]));
      write_logits(logits.data(), workspace, variables[v], 0);
    }
  }

 private:
  static std::vector<double> probabilities(const Workspace& workspace, const DiscreteVariable& variable) {
    std::vector<double> values(variable.classes);
    read_logits(values.data(), workspace, variable, 0);
    normalize_exponentials(values.data(), values.size());
    return values;
  }

  void overwrite(const Model& model, Workspace& workspace, std::size_t row) const {
    std::size_t head = 0;
    for (std::size_t i = 0; i < model.latents().size(); ++i) {
      for (std::size_t j = 0; j < model.latents()[i].posterior_heads.size(); ++j, ++head) {
        const std::size_t units = model.latents()[i].posterior_heads[j].units;
        gather_rows(workspace.latents[i].posterior_heads[j].out, values_[head].data() + row * units, nullptr, 1, units);
      }
    }
  }

  std::vector<std::vector<float>> values_;
  std::vector<float*> views_;
};

// About as much work as the default number of samples. Continuous variables end with steps that widen the posterior.
Refinement refinement_of(const Model& model, std::uint64_t seed, const Preparation& preparation) {
  Refinement refinement;
  refinement.steps = discrete_variables(model).empty() ? 300 : 50;
  refinement.weighted_steps = 150;
  refinement.learning_rate = 0.03;
  refinement.seed = seed;
  refinement.preparation = preparation;
  return refinement;
}

class RowSampler {
 public:
  RowSampler(const Inference& inference, Workspace& workspace, const LikelihoodSampling& sampling, std::size_t row)
      : model_(inference.model),
        cancelled_(inference.cancelled),
        workspace_(workspace),
        sampling_(sampling),
        row_(static_cast<std::uint32_t>(row)) {}

  // The draws [from, to) of the row.
  void draw(ImportanceWeights& weights, std::size_t from, std::size_t to) {
    const std::size_t draws = workspace_.draws();
    for (std::size_t first = from; first < to && !cancelled_.load(std::memory_order_relaxed); first += draws) {
      const DrawNumbers numbers{sampling_.seed, Purpose::importance, row_, static_cast<std::uint32_t>(first)};
      if (sampling_.proposal == Proposal::defensive) {
        score_mixture(numbers, first);
      } else {
        score_draws(model_, workspace_, 1, numbers);
        density_rows(model_, workspace_, {0, 1});
        weigh_draws(workspace_, 1.0, 0, draws);
      }
      // The last pass may need fewer draws than it makes: what is beyond is dropped.
      const std::size_t wanted = std::min(draws, to - first);
      for (std::size_t i = 0; i < wanted; ++i) weights.add(workspace_.log_weight[i]);
    }
  }

 private:
  void score_mixture(const DrawNumbers& numbers, std::size_t first) {
    const std::size_t draws = workspace_.draws();
    draw_noise(model_, workspace_, 1, numbers);
    sample_rows(model_, workspace_, Sampling::evaluation, nullptr, {0, 1});
    for (std::size_t r = EVERY - 1 - first % EVERY; r < draws; r += EVERY) {
      draw_from_prior(r, static_cast<std::uint32_t>((first + r) / EVERY));
    }
    density_rows(model_, workspace_, {0, 1});
    decode_rows(model_, workspace_, {0, 1});
    score_reconstruction(model_, workspace_, 1);
    for (std::size_t r = 0; r < draws; ++r) {
      double posterior = std::log(1.0 - 1.0 / EVERY), prior = 0.0;
      for (const LatentMemory& memory : workspace_.latents) {
        posterior += memory.log_posterior[r];
        prior += memory.log_prior[r];
      }
      LogSumExp mixture;
      mixture.add(posterior);
      mixture.add(prior - std::log(static_cast<double>(EVERY)));
      workspace_.log_weight[r] = prior - mixture.log_sum() - workspace_.reconstruction[r];
    }
  }

  // z of draw r of the pass, and the noise that q would have made it of.
  void draw_from_prior(std::size_t r, std::uint32_t number) {
    const Panels z = workspace_.z.from_row(r);
    sample_prior(z, model_, sampling_.seed, Purpose::defensive, row_, number, 1);
    for (std::size_t i = 0; i < model_.latents().size(); ++i) {
      const LatentGroup& group = model_.latents()[i];
      const LatentMemory& memory = workspace_.latents[i];
      const Panels of_group = memory.z.from_row(r);
      if (memory.z.data != workspace_.z.data) take_columns(of_group, z, group.z_offset, 1, group.width);
      const HeadViews heads(memory, 0);
      recover_noise(memory.epsilon.from_row(r), group.spec, heads.out, of_group, 1);
    }
  }

  const Model& model_;
  const std::atomic<bool>& cancelled_;
  Workspace& workspace_;
  const LikelihoodSampling& sampling_;
  std::uint32_t row_;
};

}  // namespace

double log_likelihood_bytes(const Model& model, std::size_t rows, const LikelihoodSampling& sampling,
                            std::size_t threads) {
  const double passes = for_rows_bytes(model, rows, 1, std::min(sampling.samples, DRAWS_PER_PASS), false, threads);
  if (sampling.proposal != Proposal::refined) return passes;
  // The heads of all rows, and their bounds before and after.
  double row = 2.0 * sizeof(double);
  for (const LatentGroup& group : model.latents()) {
    for (const Head& head : group.posterior_heads)
      row += static_cast<double>(sizeof(float)) * static_cast<double>(head.units);
  }
  const Refinement refinement = refinement_of(model, sampling.seed, {});
  return passes + row * static_cast<double>(rows) + refine_bytes(model, rows, refinement.samples, threads);
}

void estimate_log_likelihood(const Inference& inference, const LikelihoodEstimates& estimates, const Examples& examples,
                             const LikelihoodSampling& sampling) {
  const Model& model = inference.model;
  const std::size_t rows = examples.rows(), draws = std::min(sampling.samples, DRAWS_PER_PASS);
  const Preparation preparation{sampling.seed, true, 0, false, 0};
  const bool refined = sampling.proposal == Proposal::refined;
  const Heads heads(model, refined ? rows : 0);
  if (refined) {
    std::vector<double> before(rows), after(rows);
    refine(inference, heads.views(), nullptr, before.data(), after.data(), examples,
           refinement_of(model, sampling.seed, preparation));
  }
  for_rows(inference, model, rows, 1, draws, false, [&](Workspace& workspace, std::size_t row, std::size_t) {
    load_rows(model, workspace, examples, preparation, nullptr, row, 0, 1);
    encode_rows(model, workspace, {0, 1});
    if (refined) heads.place(model, workspace, row);
    RowSampler sampler(inference, workspace, sampling, row);
    ImportanceWeights weights(sampling.most_samples);
    WeightSummary summary{};
    for (std::size_t wanted = sampling.samples;;) {
      sampler.draw(weights, weights.draws(), wanted);
      if (inference.cancelled.load(std::memory_order_relaxed)) return;
      summary = weights.summary();
      if (summary.reliable || wanted >= sampling.most_samples) break;
      wanted = std::min(2 * wanted, sampling.most_samples);
    }
    estimates.log_likelihood[row] = summary.log_mean;
    estimates.variance[row] = summary.variance;
    estimates.effective[row] = summary.effective;
    estimates.pareto_k[row] = summary.pareto_k;
    estimates.samples[row] = static_cast<double>(weights.draws());
    estimates.reliable[row] = summary.reliable ? 1 : 0;
  });
}

}  // namespace aevb
