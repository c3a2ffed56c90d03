// The objective of any model, in its plainest form: double, row-major, forward only. The gradient that training should
// compute is the derivative of `surrogate`, which tests take by central differences.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reference/layers.h"
#include "spec/spec.h"

namespace aevb::reference {

// What one training step is given. B data, L draws of each, D features, C columns of condition, Z of z, N of noise.
struct Batch {
  Vector present;             // [rows, columns of the data]: 0 for a missing cell; empty if none is
  std::size_t rows = 0;       // B
  std::size_t data_rows = 0;  // of the data set that they come from
  Vector target;              // [B, D]
  Vector input;               // [B, D]: target, or what corruption has made of it
  Vector condition;           // [B, C]
  Vector epsilon;             // [B L, N]
  Vector prior_draws;         // [B L, Z], if z is compared with the prior's draws (MMD)
  std::uint32_t step = 0;     // of training: decides what dropout keeps
};

// What the step's place in training decides: see Step in objective/objective.h.
struct Moment {
  double beta = 1.0, reconstruction = 1.0, capacity = 0.0;
  Vector temperature;                // of each group
  const double* baseline = nullptr;  // the score function's moving average, null before the first step
};

Terms objective(const ModelSpec& spec, const Parameters& parameters, const Batch& batch, const Moment& moment);

// A function of the parameters whose derivative at `frozen` is the gradient that training follows there. For most
// models it is the loss itself. If the estimator is another one, what it does not differentiate is taken from
// `frozen`:
//   score function     z, and f − baseline beside log q(z|x)
//   dreg               the squared weights, q's parameters and the decoder for the encoder; weights and z for the
//   decoder straight-through   hard z, to which the change of the relaxed one is added
double surrogate(const ModelSpec& spec, const Parameters& parameters, const Parameters& frozen, const Batch& batch,
                 const Moment& moment);

}  // namespace aevb::reference
