// What a model tells about data without changing: embeddings, reconstructions, bounds and likelihoods.
//
// Rows are cut into tasks by their number alone, and each is independent of the others: the answer does not depend on
// the number of threads. All of these throw Cancelled (trainer.h) once `cancelled` is seen to be set, between two
// tasks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataset.h"
#include "math/thread_pool.h"
#include "model.h"
#include "network.h"
#include "trainer.h"

namespace aevb {

struct Inference {
  const Model& model;
  ThreadPool& pool;
  const std::atomic<bool>& cancelled;

  // The negative ELBO and its terms, with `samples` draws of z for each row.
  Terms evaluate(const Dataset& data, std::size_t samples, std::uint64_t seed) const;

  // mean[rows, Z], log_variance[rows, Z], row-major.
  void encode(float* mean, float* log_variance, const Dataset& data) const;
  // out[rows, D]: the mean of p(x|z).
  void decode(float* out, const Dataset& z) const;
  // out[rows, D]: decode at the posterior mean.
  void reconstruct(float* out, const Dataset& data) const;
  // out[count, D]: decode at draws from the prior.
  void sample(float* out, std::size_t count, std::uint64_t seed) const;

  // score[rows]: −log p(x|z) + KL with z at the posterior mean, nats.
  void anomaly_score(double* score, const Dataset& data) const;

  // log_likelihood[rows]: the importance-weighted estimate (Burda et al., Importance Weighted Autoencoders (2016))
  //   log (1/S) Σ_s w_s,   w_s = p(x|z_s) p(z_s) / q(z_s|x),   z_s ~ q(z|x)
  // by log-sum-exp in double. variance[rows]: of that estimate, by the delta method, Var(w) / (S mean(w)²).
  void log_likelihood(double* log_likelihood, double* variance, const Dataset& data, std::size_t samples,
                      std::uint64_t seed) const;
};

// Inference::encode of one row, for whom an answer is waited for: the workspace is kept from call to call. Each thread
// wants one of its own.
class RowEncoder {
 public:
  explicit RowEncoder(const Model& model) : model_(model), workspace_(model, 1, 1, false) {}

  // mean[Z], log_variance[Z], of the first row of `data`.
  void encode(float* mean, float* log_variance, const Dataset& data);

 private:
  const Model& model_;
  Workspace workspace_;
};

}  // namespace aevb
