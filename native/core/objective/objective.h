// How the terms of a batch become the one number that training minimises. In its plainest form that is the negative
// evidence lower bound with a weight on its KL divergence (Kingma and Welling 2014, eq. 10; beta: Higgins et al.,
// beta-VAE (2017), eq. 4)
//
//   loss = (1/B) Σ_b [ (1/L) Σ_l −log p(x_b|z_bl)  +  beta · KL(q(z|x_b) ‖ p(z)) ]
//
// and docs/models.md tells the others. B data, L draws of z for each.
#pragma once

#include <cstddef>
#include <vector>

#include "objective/score_function.h"
#include "spec/spec.h"

namespace aevb {

// Averages over examples, nats.
struct Terms {
  double loss = 0.0, reconstruction = 0.0, kl = 0.0;
  std::size_t examples = 0;
  // The reconstruction of each part of a likelihood that has several, in their order; empty for one, and for a batch.
  std::vector<double> parts{};
};

// Adds a batch's averages to a sum over examples; average() makes averages of that again.
void add(Terms& sum, const Terms& batch);
Terms average(const Terms& sum);

// A term of −log p(x), nats, for what only reads. Parameters and data are finite, so that a term which is not has left
// the range of single precision on its way: the row has density zero to that precision, and the term is +∞. Training
// does without this, where a loss that is not finite must be seen.
double infinite_unless_finite(double nats);

// Whether log q(z|x) and log p(z) of the draws are wanted, rather than a closed form of their mean.
bool needs_densities(const ModelSpec& spec);

bool is_importance_weighted(const ObjectiveSpec& objective);

// Whether what a row's gradient is depends on the other rows of its batch.
bool couples_rows(const ObjectiveSpec& objective);

// Whether the group is the one whose divergence and gradients latent/gaussian.h does in one pass each: a diagonal
// Gaussian posterior against N(0, I), its KL divergence in closed form with one weight.
bool is_plain_gaussian(const LatentSpec& latent, const ObjectiveSpec& objective);

// What of the objective changes from step to step: follows from how long the model has been trained in its life, in
// epochs. Memory is taken by the constructor.
struct Step {
  explicit Step(const ModelSpec& spec);

  // For a batch of `rows`, at `epochs` of the model's life.
  void begin(const ModelSpec& spec, std::size_t rows, double epochs);

  double reconstruction = 1.0;     // weight of −log p(x|z)
  double beta = 1.0;               // weight of the KL divergence, warm-up included
  double capacity = 0.0;           // C, nats
  BaselineState baseline;          // of the score function
  std::vector<float> temperature;  // of each group
  // ∂ loss / ∂ KL of one row, for each group and dimension: beta / B unless the batch decides (coupling.h).
  std::vector<std::vector<float>> kl_weight;
};

// The terms of a batch without what couples its rows: of reconstruction[B L], kl[B] and, if importance-weighted,
// bound[B].
Terms batch_terms(const ObjectiveSpec& objective, const Step& step, const double* reconstruction, const double* kl,
                  const double* bound, std::size_t B, std::size_t L);

}  // namespace aevb
