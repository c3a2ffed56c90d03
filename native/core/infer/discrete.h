// z of which there are only so many: all variables categorical or Bernoulli. A state is a value of all of z, numbered
// like the digits of a number, the last variable's the fastest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "infer/inference.h"
#include "model/model.h"
#include "model/workspace.h"
#include "tensor/panels.h"

namespace aevb {

// One categorical or Bernoulli variable.
struct DiscreteVariable {
  std::size_t group;    // of the model's latents
  std::size_t column;   // of the group's logits and noise, the first of its own
  std::size_t z;        // of all of z, the same
  std::size_t classes;  // 2 of a Bernoulli variable, which has a single column, 0 or 1
  bool bernoulli;       // one column
};

// Those of all groups, in order.
std::vector<DiscreteVariable> discrete_variables(const Model& model);

// How many values z has; none if it is not discrete throughout. More than fit count as the largest number.
inline constexpr std::size_t NOT_DISCRETE = 0;
std::size_t discrete_states(const Model& model);

// Makes z[row] have the class `k` of the variable.
void set_class(Panels z, std::size_t row, const DiscreteVariable& variable, std::size_t k);

// z[R] = the states first, first + 1, ...; overwrites these columns.
void fill_states(Panels z, const std::vector<DiscreteVariable>& variables, std::size_t first, std::size_t R);

// values[classes] = log q(z_v = k|x) up to a constant, of a row of the workspace.
void read_logits(double* values, const Workspace& workspace, const DiscreteVariable& variable, std::size_t row);
// The way back. Any constant may be added to the values; those that say no more than that the class does not come are
// cut off.
void write_logits(const double* values, Workspace& workspace, const DiscreteVariable& variable, std::size_t row);

// log p(x|z) of the states [first, first + workspace.draws()) for the datum in row 0 of a workspace of one row;
// what has overflowed is −∞. out[workspace.draws()].
void score_states(double* out, const Model& model, Workspace& workspace, const std::vector<DiscreteVariable>& variables,
                  std::size_t first);

// log_likelihood[rows]: log p(x) = log Σ_z p(x|z) p(z), over all states. Only of a model whose z is discrete.
void exact_log_likelihood(const Inference& inference, double* log_likelihood, const Examples& examples,
                          std::uint64_t seed);

// What that allocates on so many threads, in bytes, beside its answer.
double exact_log_likelihood_bytes(const Model& model, std::size_t rows, std::size_t threads);

}  // namespace aevb
