#include "inference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "latent/gaussian.h"
#include "likelihood/likelihood.h"
#include "math/gather.h"
#include "math/random.h"
#include "network.h"
#include "objective/elbo.h"

namespace aevb {

namespace {

constexpr std::size_t ROWS_PER_TASK = 64;

// Draws of z that pass through the decoder together.
constexpr std::size_t DRAWS_PER_PASS = 128;

// Calls body(workspace, first, count) for stretches of at most `rows_per_task` rows, each worker with a workspace of
// its own that holds one stretch.
template <typename Body>
void for_rows(const Inference& inference, std::size_t rows, std::size_t rows_per_task, std::size_t draws, Body body) {
  const std::size_t tasks = (rows + rows_per_task - 1) / rows_per_task;
  const std::size_t capacity = std::min(rows, rows_per_task);
  std::vector<std::unique_ptr<Workspace>> workspaces;
  for (std::size_t i = 0; i < std::min(tasks, inference.pool.threads()); ++i) {
    workspaces.push_back(std::make_unique<Workspace>(inference.model, capacity, draws, false));
  }
  // Workers are numbered from 0, but which of them come is not known where tasks are fewer than workers.
  std::atomic<std::size_t> taken{0};
  std::vector<Workspace*> of_worker(inference.pool.threads(), nullptr);
  inference.pool.run(tasks, [&](std::size_t task, std::size_t worker) {
    if (inference.cancelled.load(std::memory_order_relaxed)) return;
    if (of_worker[worker] == nullptr) of_worker[worker] = workspaces[taken.fetch_add(1)].get();
    const std::size_t first = task * rows_per_task;
    body(*of_worker[worker], first, std::min(rows_per_task, rows - first));
  });
  if (inference.cancelled.load(std::memory_order_relaxed)) throw Cancelled();
}

// Mean and log-variance of q(z|x) for the rows [first, first + count) of the data, to row-major memory.
void write_encoding(const Model& model, Workspace& workspace, float* mean, float* log_variance, const Dataset& data,
                    std::size_t first, std::size_t count) {
  const std::size_t Z = model.spec().latent.units;
  data.copy(workspace.x, first, count);
  encode_rows(model, workspace, 0, count);
  scatter_rows(mean, workspace.mean.out, count, Z);
  scatter_rows(log_variance, workspace.log_variance.out, count, Z);
}

// The likelihood's mean for the rows [0, count) of the workspace, to row-major memory.
void write_mean(const Model& model, Workspace& workspace, float* out, std::size_t count) {
  decode_rows(model, workspace, 0, count);
  likelihood_mean(model.spec().likelihood, workspace.heads.data(), count, model.spec().input);
  scatter_rows(out, workspace.heads[0], count, model.spec().input);
}

// −log p(x|z) of the decoded rows [0, count) of the workspace, `draws` for each.
void score_reconstruction(const Model& model, Workspace& workspace, ConstPanels x, std::size_t count,
                          std::size_t draws) {
  likelihood_forward(workspace.reconstruction.data(), model.spec().likelihood, workspace.heads.data(),
                     workspace.shared_log_dispersion, x, count, draws, model.spec().input);
}

// log Σ exp(value), and Σ exp(2 value) relative to its square for the variance, of values that come one after another.
class LogSumExp {
 public:
  void add(double value) {
    if (value > largest_) {
      // Weights so far were relative to another largest; from −∞ there are none.
      const double shrink = std::exp(largest_ - value);
      sum_ *= shrink;
      squares_ *= shrink * shrink;
      largest_ = value;
    }
    // −∞ − −∞ would not be a number, but a value of −∞ has no weight. What is not a number, or +∞, shows in the sum.
    const double weight = value == -std::numeric_limits<double>::infinity() ? 0.0 : std::exp(value - largest_);
    sum_ += weight;
    squares_ += weight * weight;
  }
  double log_sum() const { return largest_ + std::log(sum_); }
  double relative_squares() const { return squares_ / (sum_ * sum_); }

 private:
  double largest_ = -std::numeric_limits<double>::infinity();
  double sum_ = 0.0, squares_ = 0.0;
};

}  // namespace

Terms Inference::evaluate(const Dataset& data, std::size_t samples, std::uint64_t seed) const {
  const std::size_t rows = data.rows(), Z = model.spec().latent.units;
  std::vector<double> reconstruction(rows), kl(rows);
  // Rows share a task with their draws: as many rows as keep the decoder's part of it in the cache. A row of many draws
  // passes them through the decoder part by part.
  const std::size_t draws = std::min(samples, DRAWS_PER_PASS);
  const std::size_t rows_per_task = samples > draws ? 1 : std::max<std::size_t>(1, ROWS_PER_TASK / draws);
  for_rows(*this, rows, rows_per_task, draws, [&](Workspace& workspace, std::size_t first, std::size_t count) {
    data.copy(workspace.x, first, count);
    encode_rows(model, workspace, 0, count);
    gaussian_kl(kl.data() + first, workspace.mean.out, workspace.log_variance.out, count, Z);
    std::fill_n(reconstruction.begin() + static_cast<std::ptrdiff_t>(first), count, 0.0);
    for (std::size_t pass = 0; pass < samples && !cancelled.load(std::memory_order_relaxed); pass += draws) {
      const std::uint64_t index = static_cast<std::uint64_t>(first) * samples + pass;
      // The last pass may need fewer draws than it makes: what is beyond is dropped.
      fill_normal(workspace.epsilon, count * draws, Z, seed, Purpose::evaluate, static_cast<std::uint32_t>(index >> 32),
                  static_cast<std::uint32_t>(index));
      sample_rows(model, workspace, 0, count);
      decode_rows(model, workspace, 0, count);
      score_reconstruction(model, workspace, workspace.x, count, draws);
      const std::size_t wanted = std::min(draws, samples - pass);
      for (std::size_t row = 0; row < count; ++row) {
        for (std::size_t draw = 0; draw < wanted; ++draw) {
          reconstruction[first + row] += workspace.reconstruction[row * draws + draw];
        }
      }
    }
    for (std::size_t row = first; row < first + count; ++row) reconstruction[row] /= static_cast<double>(samples);
  });
  return elbo_terms(reconstruction.data(), kl.data(), rows, 1, model.spec().objective);
}

void Inference::encode(float* mean, float* log_variance, const Dataset& data) const {
  const std::size_t Z = model.spec().latent.units;
  for_rows(*this, data.rows(), ROWS_PER_TASK, 1, [&](Workspace& workspace, std::size_t first, std::size_t count) {
    write_encoding(model, workspace, mean + first * Z, log_variance + first * Z, data, first, count);
  });
}

void RowEncoder::encode(float* mean, float* log_variance, const Dataset& data) {
  write_encoding(model_, workspace_, mean, log_variance, data, 0, 1);
}

void Inference::decode(float* out, const Dataset& z) const {
  for_rows(*this, z.rows(), ROWS_PER_TASK, 1, [&](Workspace& workspace, std::size_t first, std::size_t count) {
    z.copy(workspace.z, first, count);
    write_mean(model, workspace, out + first * model.spec().input, count);
  });
}

void Inference::reconstruct(float* out, const Dataset& data) const {
  for_rows(*this, data.rows(), ROWS_PER_TASK, 1, [&](Workspace& workspace, std::size_t first, std::size_t count) {
    data.copy(workspace.x, first, count);
    encode_rows(model, workspace, 0, count);
    workspace.z = workspace.mean.out;
    write_mean(model, workspace, out + first * model.spec().input, count);
  });
}

void Inference::sample(float* out, std::size_t count, std::uint64_t seed) const {
  for_rows(*this, count, ROWS_PER_TASK, 1, [&](Workspace& workspace, std::size_t first, std::size_t rows) {
    fill_normal(workspace.z, rows, model.spec().latent.units, seed, Purpose::prior, 0,
                static_cast<std::uint32_t>(first));
    write_mean(model, workspace, out + first * model.spec().input, rows);
  });
}

void Inference::anomaly_score(double* score, const Dataset& data) const {
  for_rows(*this, data.rows(), ROWS_PER_TASK, 1, [&](Workspace& workspace, std::size_t first, std::size_t count) {
    data.copy(workspace.x, first, count);
    encode_rows(model, workspace, 0, count);
    workspace.z = workspace.mean.out;
    decode_rows(model, workspace, 0, count);
    score_reconstruction(model, workspace, workspace.x, count, 1);
    gaussian_kl(workspace.kl.data(), workspace.mean.out, workspace.log_variance.out, count, model.spec().latent.units);
    for (std::size_t row = 0; row < count; ++row) {
      score[first + row] = workspace.reconstruction[row] + workspace.kl[row];
    }
  });
}

void Inference::log_likelihood(double* log_likelihood, double* variance, const Dataset& data, std::size_t samples,
                               std::uint64_t seed) const {
  const std::size_t Z = model.spec().latent.units;
  const std::size_t draws = std::min(samples, DRAWS_PER_PASS);
  for_rows(*this, data.rows(), 1, draws, [&](Workspace& workspace, std::size_t row, std::size_t) {
    data.copy(workspace.x, row, 1);
    encode_rows(model, workspace, 0, 1);
    LogSumExp weights;
    double log_weight[DRAWS_PER_PASS];
    for (std::size_t first = 0; first < samples && !cancelled.load(std::memory_order_relaxed); first += draws) {
      // The last pass may need fewer draws than it makes: what is beyond is dropped.
      fill_normal(workspace.epsilon, draws, Z, seed, Purpose::importance, static_cast<std::uint32_t>(row),
                  static_cast<std::uint32_t>(first));
      sample_rows(model, workspace, 0, 1);
      decode_rows(model, workspace, 0, 1);
      score_reconstruction(model, workspace, workspace.x, 1, draws);
      const std::size_t wanted = std::min(draws, samples - first);
      gaussian_log_weight(log_weight, workspace.z, workspace.epsilon, workspace.log_variance.out, 1, wanted, Z);
      for (std::size_t i = 0; i < wanted; ++i) weights.add(log_weight[i] - workspace.reconstruction[i]);
    }
    const auto count = static_cast<double>(samples);
    log_likelihood[row] = weights.log_sum() - std::log(count);
    // Var(w) / (S mean(w)²) with the sample variance; one sample says nothing of its spread.
    variance[row] = samples > 1 ? std::max(0.0, (count * weights.relative_squares() - 1.0) / (count - 1.0))
                                : std::numeric_limits<double>::quiet_NaN();
  });
}

}  // namespace aevb
