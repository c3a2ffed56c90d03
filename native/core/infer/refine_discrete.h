// The discrete variables' part of refine.h: coordinate ascent instead of a gradient (mean_field.h), which for variables
// that are discrete has no noise of relaxation, and no bias.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "infer/discrete.h"
#include "model/model.h"
#include "model/workspace.h"

namespace aevb {

// If all of z has few states: the heads of the rows [0, count) become those of the best mean-field posterior, found
// over all of them. before, after[count]: the bound at the heads as they were, and at these, without noise of draws. A
// row that has not gained stays as it was.
void refine_states(const Model& model, Workspace& workspace, double* before, double* after, std::size_t count,
                   std::size_t sweeps, const std::atomic<bool>& cancelled);

// If it has many, or other groups stand beside discrete ones: each variable's classes are tried in turn in all of a
// row's draws of the rest,
//
//   logits_k ← (1 − ρ) logits_k + ρ (1/L) Σ_l log p(x|z_l with z_v = k)
//
// which is a step of the natural gradient, without bias (Hoffman et al., Stochastic Variational Inference (2013);
// Titsias and Lázaro-Gredilla, Local Expectation Gradients (2015)), and z_v is drawn again. A step takes a fifth of the
// variables. ρ is 1 for a third of the visits of a variable, and then such that the rest of them are averaged.
class CoordinateAscent {
 public:
  // workspace: that of the rows, whose draws these are.
  CoordinateAscent(const Model& model, const Workspace& workspace, std::size_t steps,
                   const std::atomic<bool>& cancelled);

  bool empty() const { return variables_.empty(); }

  // Step `index` of the rows [0, count): epsilon and z of the workspace are draws at its heads, discrete variables
  // discrete; heads and z change. Stops midway once cancelled.
  void take(Workspace& workspace, std::size_t index, std::size_t count);

 private:
  void visit(Workspace& workspace, const DiscreteVariable& variable, Workspace& probe, double rate, std::size_t first,
             std::size_t count);

  const Model& model_;
  const std::atomic<bool>& cancelled_;
  std::vector<DiscreteVariable> variables_;
  std::vector<std::unique_ptr<Workspace>> probes_;  // of each group of such variables: all its classes of a few rows
  std::size_t per_step_ = 0, visits_ = 0;
};

}  // namespace aevb
