#include "infer/refine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "infer/discrete.h"
#include "infer/draws.h"
#include "infer/for_rows.h"
#include "infer/refine_discrete.h"
#include "latent/latent.h"
#include "math/gemm.h"
#include "model/forward.h"
#include "objective/importance.h"
#include "objective/objective.h"
#include "optimizer/update.h"
#include "train/backward.h"

namespace aevb {

namespace {

ObjectiveSpec plain_elbo(const ModelSpec& spec, std::size_t samples) {
  ObjectiveSpec objective;
  objective.samples = samples;
  for (const LatentSpec& latent : spec.latents) {
    if (!latent_has_analytic_kl(latent)) objective.kl = KlType::monteCarlo;
  }
  return objective;
}

ObjectiveSpec weighted_bound(std::size_t samples) {
  ObjectiveSpec objective;
  objective.samples = samples;
  objective.bound = BoundType::dreg;
  return objective;
}

bool has_continuous(const Model& model) {
  return std::any_of(model.latents().begin(), model.latents().end(),
                     [](const LatentGroup& group) { return !is_discrete(group.spec); });
}

DrawNumbers numbers_of(std::uint64_t seed, Purpose purpose, std::size_t step, std::size_t first_draw) {
  return {seed, purpose, static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(first_draw)};
}

// The model's bound of the rows [0, count) with the heads as they are; `row` is the first one's number.
void evaluate(double* bound, const Model& model, Workspace& workspace, std::uint64_t seed, std::size_t row,
              std::size_t count, const std::atomic<bool>& cancelled) {
  const std::size_t draws =
      discrete_variables(model).empty() ? REFINE_EVALUATION_DRAWS : REFINE_DISCRETE_EVALUATION_DRAWS;
  const std::size_t L = workspace.draws(), passes = (draws + L - 1) / L;
  const bool weighted = is_importance_weighted(model.spec().objective);
  std::fill_n(bound, count, 0.0);
  for (std::size_t pass = 0; pass < passes && !cancelled.load(std::memory_order_relaxed); ++pass) {
    score_draws(model, workspace, count, numbers_of(seed, Purpose::evaluate, pass, row * L));
    divergence_rows(model, workspace, {0, count});
    if (weighted) {
      weigh_draws(workspace, 1.0, 0, count * L);
      importance_bound(workspace.bound.data(), workspace.log_weight.data(), count, L);
      for (std::size_t r = 0; r < count; ++r) bound[r] += workspace.bound[r] / static_cast<double>(passes);
      continue;
    }
    for (std::size_t r = 0; r < count; ++r) {
      double reconstruction = 0.0;
      for (std::size_t l = 0; l < L; ++l) reconstruction += workspace.reconstruction[r * L + l];
      bound[r] -= (reconstruction / static_cast<double>(L) + workspace.kl[r]) / static_cast<double>(passes);
    }
  }
  for (std::size_t r = 0; r < count; ++r) bound[r] = -infinite_unless_finite(-bound[r]);
}

// Adam's moments of one head, in the head's own panels.
struct Moments {
  AlignedFloats first, second;
};

class Ascent {
 public:
  // The last steps are of `weighted`, which has the same parameters.
  Ascent(const Model& model, const Model& weighted, Workspace& workspace, const Refinement& refinement,
         const std::atomic<bool>& cancelled)
      : model_(model),
        weighted_(weighted),
        workspace_(workspace),
        refinement_(refinement),
        step_(model.spec()),
        weighted_step_(weighted.spec()),
        coordinates_(model, workspace, refinement.steps, cancelled) {
    step_.begin(model.spec(), 1, std::numeric_limits<double>::infinity());
    weighted_step_.begin(weighted.spec(), 1, std::numeric_limits<double>::infinity());
    for (const LatentGroup& group : model.latents()) {
      for (const Head& head : group.posterior_heads) {
        const std::size_t size = head_floats(head, workspace.rows());
        moments_.push_back({AlignedFloats(size), AlignedFloats(size)});
      }
    }
    for (const LatentMemory& memory : workspace.latents) {
      for (const HeadMemory& layer : memory.posterior_heads) {
        AlignedFloats& start = start_.emplace_back(moments_[start_.size()].first.size());
        std::copy_n(layer.out.data, start.size(), start.data());
      }
    }
  }

  // What one takes for so many rows: two moments and the start of each head.
  static double bytes(const Model& model, std::size_t rows) {
    double floats = 0.0;
    for (const LatentGroup& group : model.latents()) {
      for (const Head& head : group.posterior_heads) floats += static_cast<double>(head_floats(head, rows));
    }
    return 3.0 * sizeof(float) * floats;
  }

  // Puts the heads of a row back to what they were when this was made.
  void restore(std::size_t row) {
    std::size_t head = 0;
    for (const LatentMemory& memory : workspace_.latents) {
      for (const HeadMemory& layer : memory.posterior_heads) {
        const AlignedFloats& start = start_[head++];
        for (std::size_t at = row * layer.out.width; at < start.size(); at += layer.out.stride) {
          std::copy_n(start.data() + at, layer.out.width, layer.out.data + at);
        }
      }
    }
  }

  // Step `index` (from 0) of the rows [0, count).
  void take(std::size_t index, std::size_t row, std::size_t count) {
    draw_noise(model_, workspace_, count,
               numbers_of(refinement_.seed, Purpose::refine, index, row * workspace_.draws()));
    // With discrete variables as they are: relaxed ones would say nothing true of the others.
    sample_rows(model_, workspace_, coordinates_.empty() ? Sampling::training : Sampling::evaluation,
                step_.temperature.data(), {0, count});
    if (!coordinates_.empty()) coordinates_.take(workspace_, index, count);
    if (!has_continuous(model_)) return;
    const bool weighted = index + refinement_.weighted_steps >= refinement_.steps;
    take_gradient(weighted ? weighted_ : model_, weighted ? weighted_step_ : step_, index, count);
  }

 private:
  void take_gradient(const Model& model, const Step& of_step, std::size_t index, std::size_t count) {
    divergence_rows(model, workspace_, {0, count});
    // As a batch of one: each row has an ascent of its own.
    backward_to_heads(model, workspace_, of_step, {0, count}, 1);
    const AdamStep step = adam_step(index);
    std::size_t head = 0;
    for (std::size_t i = 0; i < model_.latents().size(); ++i) {
      for (std::size_t j = 0; j < model_.latents()[i].posterior_heads.size(); ++j, ++head) {
        if (is_discrete(model_.latents()[i].spec)) continue;
        const HeadMemory& memory = workspace_.latents[i].posterior_heads[j];
        const std::size_t panels = panel_count(model_.latents()[i].posterior_heads[j].units, memory.out.width);
        update(memory, moments_[head], panels, count, step);
      }
    }
  }

  static std::size_t head_floats(const Head& head, std::size_t rows) {
    return panel_count(head.units, matrix_width(head.units)) * matrix_width(head.units) * rows;
  }

  AdamStep adam_step(std::size_t index) const {
    constexpr double BETA1 = 0.9, BETA2 = 0.999;
    const double t = static_cast<double>(index) + 1.0;
    // Each kind of step has a cosine of its own.
    const std::size_t plain = refinement_.steps - refinement_.weighted_steps;
    const std::size_t begin = index < plain ? 0 : plain, length = index < plain ? plain : refinement_.weighted_steps;
    const double progress = static_cast<double>(index - begin) / static_cast<double>(length);
    const double rate = refinement_.learning_rate * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    AdamStep step{};
    step.beta2 = static_cast<float>(BETA2);
    step.one_minus_beta1 = static_cast<float>(1.0 - BETA1);
    step.one_minus_beta2 = static_cast<float>(1.0 - BETA2);
    step.epsilon = 1e-8f;
    step.gradient_scale = 1.0f;
    step.step_size = static_cast<float>(rate / (1.0 - std::pow(BETA1, t)));
    step.inverse_sqrt_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(BETA2, t)));
    step.shrink = 1.0f;
    return step;
  }

  static void update(const HeadMemory& head, Moments& moments, std::size_t panels, std::size_t count,
                     const AdamStep& step) {
    for (std::size_t p = 0; p < panels; ++p) {
      const std::size_t offset = p * head.out.stride;
      adam_update(head.out.data + offset, moments.first.data() + offset, moments.second.data() + offset,
                  head.dout.data + offset, count * head.out.width, step);
    }
  }

  const Model& model_;
  const Model& weighted_;
  Workspace& workspace_;
  const Refinement& refinement_;
  Step step_, weighted_step_;
  CoordinateAscent coordinates_;
  std::vector<Moments> moments_;
  std::vector<AlignedFloats> start_;  // the heads as the encoder gave them
};

void refine_few_states(const Inference& inference, const Model& model, const std::vector<float*>& heads, float* mean,
                       double* before, double* after, const Examples& examples, const Refinement& refinement) {
  for_rows(inference, model, examples.rows(), ROWS_PER_TASK, 1, false,
           [&](Workspace& workspace, std::size_t first, std::size_t count) {
             load_rows(model, workspace, examples, refinement.preparation, nullptr, first, 0, count);
             encode_rows(model, workspace, {0, count});
             refine_states(model, workspace, before + first, after + first, count, refinement.steps,
                           inference.cancelled);
             write_posterior(model, workspace, heads, mean, first, count);
           });
}

}  // namespace

double refine_bytes(const Model& model, std::size_t rows, std::size_t samples, std::size_t threads) {
  const std::size_t tasks = (rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK;
  // A copy of the model under another objective, which adds nothing to what a plain one's pass takes.
  return Model::bytes(model.spec()) + for_rows_bytes(model, rows, ROWS_PER_TASK, samples, true, threads) +
         static_cast<double>(std::min(tasks, threads)) * Ascent::bytes(model, std::min(rows, ROWS_PER_TASK));
}

void refine(const Inference& inference, const std::vector<float*>& heads, float* mean, double* before, double* after,
            const Examples& examples, const Refinement& asked) {
  const Model model = inference.model.with_objective(plain_elbo(inference.model.spec(), asked.samples));
  const std::size_t states = discrete_states(model);
  if (states != NOT_DISCRETE && states <= asked.most_states) {
    return refine_few_states(inference, model, heads, mean, before, after, examples, asked);
  }
  Refinement refinement = asked;
  if (!discrete_variables(model).empty()) refinement.weighted_steps = 0;
  const bool weighted = refinement.weighted_steps > 0;
  // By the bound that the last steps climb the ascent is judged too.
  const Model last = model.with_objective(weighted ? weighted_bound(refinement.samples)
                                                   : plain_elbo(model.spec(), refinement.samples));
  for_rows(inference, model, examples.rows(), ROWS_PER_TASK, refinement.samples, has_continuous(model),
           [&](Workspace& workspace, std::size_t first, std::size_t count) {
             load_rows(model, workspace, examples, refinement.preparation, nullptr, first, 0, count);
             encode_rows(model, workspace, {0, count});
             evaluate(before + first, last, workspace, refinement.seed, first, count, inference.cancelled);
             Ascent ascent(model, last, workspace, refinement, inference.cancelled);
             for (std::size_t i = 0; i < refinement.steps; ++i) {
               if (inference.cancelled.load(std::memory_order_relaxed)) return;
               ascent.take(i, first, count);
             }
             evaluate(after + first, last, workspace, refinement.seed, first, count, inference.cancelled);
             for (std::size_t row = 0; row < count; ++row) {
               // An ascent that has got lost leaves the row where the encoder put it.
               if (after[first + row] > before[first + row]) continue;
               after[first + row] = before[first + row];
               ascent.restore(row);
             }
             write_posterior(model, workspace, heads, mean, first, count);
           });
}

}  // namespace aevb
