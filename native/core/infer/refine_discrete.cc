#include "infer/refine_discrete.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "infer/draws.h"
#include "infer/mean_field.h"
#include "math/columns.h"
#include "model/forward.h"
#include "model/rows.h"
#include "objective/objective.h"

namespace aevb {

namespace {

// Rows of the decoder that a probe has, if one row's draws are not more.
constexpr std::size_t PROBE_ROWS = 128;

constexpr std::size_t STEPS_OF_A_SWEEP = 2;

// The target and the condition of rows of one workspace, to another's.
void copy_data(const Model& model, Workspace& to, const Workspace& from, std::size_t first, std::size_t count) {
  const ModelSpec& spec = model.spec();
  place_columns(to.target, 0, from.target.from_row(first), count, spec.input);
  share_target(model, to, 0, count);
  for (std::size_t i = 0; i < model.likelihoods().size(); ++i) {
    const LikelihoodPart& part = model.likelihoods()[i];
    if (!part.spec.missing) continue;
    place_columns(to.likelihoods[i].present, 0, from.likelihoods[i].present.from_row(first), count, part.data_columns);
  }
  if (spec.condition.width > 0) {
    place_columns(to.condition, 0, from.condition.from_row(first), count, spec.condition.width);
  }
}

// The class that noise picks: see latent_sample.
std::size_t choose(const double* values, const Workspace& workspace, const DiscreteVariable& variable,
                   std::size_t draw) {
  const Panels& epsilon = workspace.latents[variable.group].epsilon;
  if (variable.bernoulli) {
    return values[1] - values[0] + static_cast<double>(epsilon.at(draw, variable.column)) > 0.0 ? 1 : 0;
  }
  std::size_t best = 0;
  double highest = -std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < variable.classes; ++k) {
    const double value = values[k] + static_cast<double>(epsilon.at(draw, variable.column + k));
    if (value > highest) {
      highest = value;
      best = k;
    }
  }
  return best;
}

}  // namespace

void refine_states(const Model& model, Workspace& workspace, double* before, double* after, std::size_t count,
                   std::size_t sweeps, const std::atomic<bool>& cancelled) {
  const std::vector<DiscreteVariable> variables = discrete_variables(model);
  std::vector<std::size_t> classes;
  for (const DiscreteVariable& variable : variables) classes.push_back(variable.classes);
  MeanField field(classes);
  const std::size_t states = field.states(), draws = std::min(states, PROBE_ROWS);
  Workspace probe(model, {.rows = 1, .draws = draws});
  std::vector<double> scores(draws);
  const auto factors = [&](std::size_t row) {
    MeanField::Factors q;
    for (const DiscreteVariable& variable : variables) {
      q.resize(q.size() + variable.classes);
      double* const of_variable = q.data() + q.size() - variable.classes;
      read_logits(of_variable, workspace, variable, row);
      normalize_exponentials(of_variable, variable.classes);
    }
    return q;
  };
  for (std::size_t row = 0; row < count; ++row) {
    copy_data(model, probe, workspace, row, 1);
    for (std::size_t first = 0; first < states; first += draws) {
      if (cancelled.load(std::memory_order_relaxed)) return;
      score_states(scores.data(), model, probe, variables, first);
      std::copy_n(scores.data(), std::min(draws, states - first), field.scores() + first);
    }
    MeanField::Factors q = factors(row);
    before[row] = after[row] = -infinite_unless_finite(-field.bound(q));
    if (!(field.best(q, sweeps) > before[row])) continue;
    const double* of_variable = q.data();
    for (const DiscreteVariable& variable : variables) {
      std::vector<double> logits(variable.classes);
      std::transform(of_variable, of_variable + variable.classes, logits.begin(),
                     [](double p) { return std::max(std::log(p), -std::numeric_limits<double>::max()); });
      write_logits(logits.data(), workspace, variable, row);
      of_variable += variable.classes;
    }
    // From the logits as they are stored.
    after[row] = std::max(before[row], -infinite_unless_finite(-field.bound(factors(row))));
  }
}

CoordinateAscent::CoordinateAscent(const Model& model, const Workspace& workspace, std::size_t steps,
                                   const std::atomic<bool>& cancelled)
    : model_(model), cancelled_(cancelled), variables_(discrete_variables(model)), probes_(model.latents().size()) {
  const std::size_t V = variables_.size();
  per_step_ = (V + STEPS_OF_A_SWEEP - 1) / STEPS_OF_A_SWEEP;
  if (V > 0) visits_ = std::max<std::size_t>(1, steps * per_step_ / V);
  for (const DiscreteVariable& variable : variables_) {
    if (probes_[variable.group] != nullptr) continue;
    const std::size_t draws = workspace.draws() * variable.classes;
    const std::size_t rows = std::clamp<std::size_t>(PROBE_ROWS / draws, 1, workspace.rows());
    probes_[variable.group] = std::make_unique<Workspace>(model, Workspace::Size{.rows = rows, .draws = draws});
  }
}

void CoordinateAscent::take(Workspace& workspace, std::size_t index, std::size_t count) {
  const std::size_t V = variables_.size();
  for (std::size_t i = 0; i < per_step_; ++i) {
    const std::size_t place = index * per_step_ + i, visit_number = place / V, whole = visits_ / 3;
    const double rate = visit_number < whole ? 1.0 : 1.0 / static_cast<double>(visit_number - whole + 1);
    const DiscreteVariable& variable = variables_[place % V];
    Workspace& probe = *probes_[variable.group];
    for (std::size_t first = 0; first < count; first += probe.rows()) {
      if (cancelled_.load(std::memory_order_relaxed)) return;
      visit(workspace, variable, probe, rate, first, std::min(probe.rows(), count - first));
    }
  }
}

void CoordinateAscent::visit(Workspace& workspace, const DiscreteVariable& variable, Workspace& probe, double rate,
                             std::size_t first, std::size_t count) {
  const std::size_t L = workspace.draws(), K = variable.classes, Z = model_.layout().latent_width;
  copy_data(model_, probe, workspace, first, count);
  for (std::size_t r = 0; r < count * L; ++r) {
    place_columns(probe.z.from_row(r * K), 0, workspace.z.from_row(first * L + r), K, Z, K);
    for (std::size_t k = 0; k < K; ++k) set_class(probe.z, r * K + k, variable, k);
  }
  decode_rows(model_, probe, {0, count});
  score_reconstruction(model_, probe, count);
  std::vector<double> logits(K), expected(K);
  for (std::size_t row = 0; row < count; ++row) {
    read_logits(logits.data(), workspace, variable, first + row);
    std::fill(expected.begin(), expected.end(), 0.0);
    for (std::size_t i = 0; i < L * K; ++i) {
      const double cost = infinite_unless_finite(probe.reconstruction[row * L * K + i]);
      // A class that some draw makes impossible is as good as impossible.
      expected[i % K] -= std::min(cost, 1e30) / static_cast<double>(L);
    }
    // Logits count up to a constant, so that both are brought to the same one.
    const double of_logits = *std::max_element(logits.begin(), logits.end());
    const double of_expected = *std::max_element(expected.begin(), expected.end());
    for (std::size_t k = 0; k < K; ++k) {
      logits[k] = (1.0 - rate) * (logits[k] - of_logits) + rate * (expected[k] - of_expected);
    }
    write_logits(logits.data(), workspace, variable, first + row);
    read_logits(logits.data(), workspace, variable, first + row);
    for (std::size_t l = 0; l < L; ++l) {
      const std::size_t draw = (first + row) * L + l;
      set_class(workspace.z, draw, variable, choose(logits.data(), workspace, variable, draw));
    }
  }
}

}  // namespace aevb
