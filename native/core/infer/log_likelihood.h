// log p(x) by importance sampling.
#pragma once

#include <cstddef>
#include <cstdint>

#include "infer/inference.h"
#include "spec/names.h"

namespace aevb {

struct LikelihoodSampling {
  std::size_t samples = 5000;  // of each row
  // A row whose weights say that its estimate cannot be trusted gets as many draws again, as long as they are not more
  // than this: see importance_weights.h.
  std::size_t most_samples = 5000;
  Proposal proposal = Proposal::posterior;
  std::uint64_t seed = 0;
};

// One of each for each row: see WeightSummary.
struct LikelihoodEstimates {
  double* log_likelihood;
  double* variance;
  double* effective;
  double* pareto_k;
  double* samples;         // how many were drawn
  std::uint8_t* reliable;  // 0 or 1
};

// The importance-weighted estimate (Burda et al., Importance Weighted Autoencoders (2016), equation 8)
//   log (1/S) Σ_s w_s,   w_s = p(x|z_s) p(z_s) / q(z_s|x),   z_s ~ q(z|x)
// by log-sum-exp in double.
void estimate_log_likelihood(const Inference& inference, const LikelihoodEstimates& estimates, const Examples& examples,
                             const LikelihoodSampling& sampling);

// What that allocates on so many threads, in bytes, beside its answer.
double log_likelihood_bytes(const Model& model, std::size_t rows, const LikelihoodSampling& sampling,
                            std::size_t threads);

}  // namespace aevb
