#include "infer/discrete.h"

#include <algorithm>
#include <cmath>

#include "infer/draws.h"
#include "infer/for_rows.h"
#include "infer/importance_weights.h"
#include "latent/latent.h"
#include "model/forward.h"
#include "objective/objective.h"

namespace aevb {

namespace {

// States that pass through the decoder together.
constexpr std::size_t STATES_PER_PASS = 128;

// Beyond this a logit says no more than that the class does not come.
constexpr double LEAST_LOGIT = -60.0;

const Panels& logits_of(const Workspace& workspace, const DiscreteVariable& variable) {
  return workspace.latents[variable.group].posterior_heads[0].out;
}

}  // namespace

std::vector<DiscreteVariable> discrete_variables(const Model& model) {
  std::vector<DiscreteVariable> variables;
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    if (!is_discrete(group.spec)) continue;
    const std::size_t classes = latent_classes(group.spec), columns = group.width / group.spec.units;
    for (std::size_t u = 0; u < group.spec.units; ++u) {
      variables.push_back({i, u * columns, group.z_offset + u * columns, classes, columns == 1});
    }
  }
  return variables;
}

std::size_t discrete_states(const Model& model) {
  for (const LatentGroup& group : model.latents()) {
    if (!is_discrete(group.spec)) return NOT_DISCRETE;
  }
  constexpr std::size_t MOST = std::numeric_limits<std::size_t>::max();
  std::size_t states = 1;
  for (const DiscreteVariable& variable : discrete_variables(model)) {
    states = states > MOST / variable.classes ? MOST : states * variable.classes;
  }
  return states;
}

void set_class(Panels z, std::size_t row, const DiscreteVariable& variable, std::size_t k) {
  if (variable.bernoulli) {
    z.at(row, variable.z) = static_cast<float>(k);
    return;
  }
  for (std::size_t c = 0; c < variable.classes; ++c) z.at(row, variable.z + c) = c == k ? 1.0f : 0.0f;
}

void fill_states(Panels z, const std::vector<DiscreteVariable>& variables, std::size_t first, std::size_t R) {
  for (std::size_t r = 0; r < R; ++r) {
    std::size_t rest = first + r;
    for (std::size_t v = variables.size(); v-- > 0;) {
      set_class(z, r, variables[v], rest % variables[v].classes);
      rest /= variables[v].classes;
    }
  }
}

void read_logits(double* values, const Workspace& workspace, const DiscreteVariable& variable, std::size_t row) {
  const Panels& logits = logits_of(workspace, variable);
  for (std::size_t k = 0; k < variable.classes; ++k) {
    values[k] = variable.bernoulli ? (k == 0 ? 0.0 : static_cast<double>(logits.at(row, variable.column)))
                                   : static_cast<double>(logits.at(row, variable.column + k));
  }
}

void write_logits(const double* values, Workspace& workspace, const DiscreteVariable& variable, std::size_t row) {
  Panels logits = logits_of(workspace, variable);
  if (variable.bernoulli) {
    logits.at(row, variable.column) = static_cast<float>(std::clamp(values[1] - values[0], LEAST_LOGIT, -LEAST_LOGIT));
    return;
  }
  const double largest = *std::max_element(values, values + variable.classes);
  for (std::size_t k = 0; k < variable.classes; ++k) {
    logits.at(row, variable.column + k) = static_cast<float>(std::max(values[k] - largest, LEAST_LOGIT));
  }
}

void score_states(double* out, const Model& model, Workspace& workspace, const std::vector<DiscreteVariable>& variables,
                  std::size_t first) {
  fill_states(workspace.z, variables, first, workspace.draws());
  decode_rows(model, workspace, {0, 1});
  score_reconstruction(model, workspace, 1);
  for (std::size_t i = 0; i < workspace.draws(); ++i) out[i] = -infinite_unless_finite(workspace.reconstruction[i]);
}

double exact_log_likelihood_bytes(const Model& model, std::size_t rows, std::size_t threads) {
  return for_rows_bytes(model, rows, 1, std::min(discrete_states(model), STATES_PER_PASS), false, threads);
}

void exact_log_likelihood(const Inference& inference, double* log_likelihood, const Examples& examples,
                          std::uint64_t seed) {
  const Model& model = inference.model;
  const std::vector<DiscreteVariable> variables = discrete_variables(model);
  const std::size_t states = discrete_states(model), draws = std::min(states, STATES_PER_PASS);
  for_rows(inference, model, examples.rows(), 1, draws, false, [&](Workspace& workspace, std::size_t row, std::size_t) {
    load_rows(model, workspace, examples, {seed, true, 0, false, 0}, nullptr, row, 0, 1);
    std::vector<double> scores(draws);
    LogSumExp sum;
    for (std::size_t first = 0; first < states; first += draws) {
      if (inference.cancelled.load(std::memory_order_relaxed)) return;
      score_states(scores.data(), model, workspace, variables, first);
      // The last pass may go round: what is beyond is dropped.
      const std::size_t wanted = std::min(draws, states - first);
      for (std::size_t i = 0; i < wanted; ++i) sum.add(scores[i]);
    }
    // Every state has the same prior.
    log_likelihood[row] = sum.log_sum() - std::log(static_cast<double>(states));
  });
}

}  // namespace aevb
