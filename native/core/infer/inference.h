// What a model tells about data without changing: embeddings, reconstructions and bounds.
//
// Rows are cut into tasks by their number alone, and each is independent of the others: the answer does not depend on
// the number of threads. All of these throw Cancelled (exceptions.h) once `cancelled` is seen to be set, between two
// tasks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/model.h"
#include "model/rows.h"
#include "model/workspace.h"
#include "objective/objective.h"
#include "runtime/thread_pool.h"

namespace aevb {

// Whether the answer is a draw from p(x|z) instead of its mean. A multinomial's mean is that of one trial; a
// reconstruction counts as many as its datum does.
struct Drawing {
  bool draw = false;
  std::uint64_t seed = 0;
};

// Draws from q(z|x), discrete variables discrete: z[rows, Z], unless it is null.
struct PosteriorDraws {
  float* z = nullptr;
  std::uint64_t seed = 0;
};

// What z of a row is decoded from.
enum class LatentChoice {
  center,  // the posterior's mean, or its most probable classes
  draw,    // a draw from it, the one that PosteriorDraws of the same seed are
};

struct Inference {
  const Model& model;
  ThreadPool& pool;
  const std::atomic<bool>& cancelled;

  // The objective and its terms, with `samples` draws of z for each row: −log p(x|z) averaged over them, the KL
  // divergence in closed form or averaged too, and as loss their weighted sum with the weights that warm-up ends at, or
  // the negative importance-weighted bound. What couples the rows of a batch has no part in it. What has overflowed
  // counts as infinite_unless_finite says, here and below, so that no answer but a variance is NaN.
  Terms evaluate(const Examples& examples, std::size_t samples, std::uint64_t seed) const;

  // The heads of q(z|x), each [rows, units], and the posterior's mean [rows, Z], row-major. For discrete variables the
  // mean is the probabilities.
  void encode(const std::vector<float*>& heads, float* mean, const Examples& examples,
              const PosteriorDraws& draws = {}) const;
  // out[rows, D]: the mean of p(x|z), or a draw from it. condition: of each row, of a conditional model.
  void decode(float* out, const Dataset& z, const Dataset* condition, const Drawing& drawing) const;
  // out[rows, D]: decode at z of the posterior.
  void reconstruct(float* out, const Examples& examples, const Drawing& drawing,
                   LatentChoice latent = LatentChoice::center) const;
  // out[count, D]: decode at draws from the prior, which z[count, Z] receives if it is not null.
  void sample(float* out, float* z, std::size_t count, const Dataset* condition, const Drawing& drawing) const;

  // score[rows]: −log p(x|z) + KL with z at the posterior mean, nats. If KL has no closed form, its integrand there.
  void anomaly_score(double* score, const Examples& examples) const;
};

// What these allocate while they run on so many threads, in bytes, beside the answer, whose memory the caller brings.
// rows_bytes: of encode, decode, reconstruct, sample and anomaly_score.
double rows_bytes(const Model& model, std::size_t rows, std::size_t threads);
double evaluate_bytes(const Model& model, std::size_t rows, std::size_t samples, std::size_t threads);

// Inference::encode of one row, for whom an answer is waited for: the workspace is kept from call to call. Each thread
// wants one of its own.
class RowEncoder {
 public:
  explicit RowEncoder(const Model& model) : model_(model), workspace_(model, {.rows = 1}) {}

  // The same for the first row of the examples.
  void encode(const std::vector<float*>& heads, float* mean, const Examples& examples,
              const PosteriorDraws& draws = {});

 private:
  const Model& model_;
  Workspace workspace_;
};

// The heads of the rows [0, count) of a workspace and the posterior's mean, to row-major memory from row `first` on:
// see Inference::encode. mean null: the heads alone.
void write_posterior(const Model& model, const Workspace& workspace, const std::vector<float*>& heads, float* mean,
                     std::size_t first, std::size_t count);

}  // namespace aevb
