// The score-function gradient (REINFORCE), which needs no derivative of the drawn z: with draws z_bl ~ q(z|x_b; φ)
//
//   ∂/∂φ  1/(B L) Σ E[f]  =  E Σ weight_bl ∂ log q(z_bl|x_b) / ∂φ,   weight = (f − baseline) / (B L)
//
// for any baseline that does not depend on that draw (Williams (1992); Paisley et al., Variational Bayesian Inference
// with Stochastic Search (2012)). B data, L draws of each, f[B L] in nats, row b L + l is draw l of datum b.
#pragma once

#include <cstddef>

#include "spec/spec.h"

namespace aevb {

// A running mean of f over the steps of a model's training (Mnih and Gregor, Neural Variational Inference and Learning
// in Belief Networks (2014), section 2.3, equation 9 with one constant for all data).
struct BaselineState {
  double value = 0.0;
  bool begun = false;  // whether value is of any step
};

// weight[B L] = scale · (f − baseline); overwrites. B L: the rows of this call, which may be some of a batch; scale:
// 1/(B L) of the whole batch.
//   none           0
//   movingAverage  state.value. The first step has no past and takes the mean of this call's other rows instead, so
//                  that the optimiser's moments do not begin with a gradient of the size of f; 0 for a single row.
//   leaveOneOut    the mean of the other draws of the same datum (Kool et al., Buy 4 REINFORCE Samples, Get a Baseline
//                  for Free! (2019)); 0 if L is 1
void score_function_weights(float* weight, const double* f, Baseline baseline, const BaselineState& state, double scale,
                            std::size_t B, std::size_t L);

// Once a step, after the weights: value = decay · value + (1 − decay) · mean of f over the batch; in the first step the
// mean itself. A mean that is not finite leaves the state as it is. The sum is double, in the order of the rows.
void score_function_update(BaselineState& state, const double* f, double decay, std::size_t B, std::size_t L);

}  // namespace aevb
