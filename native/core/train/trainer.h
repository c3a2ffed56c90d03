// Epochs of training: which rows each step takes, what to return to if the loss is no number, and what a fit remembers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "model/model.h"
#include "model/scaling.h"
#include "runtime/cancelled.h"
#include "runtime/thread_pool.h"
#include "spec/spec.h"
#include "tensor/aligned.h"
#include "train/diverged.h"
#include "train/training_step.h"

namespace aevb {

struct EpochEvents {
  std::function<void(std::size_t batch)> batch_begin;
  std::function<void(std::size_t batch, const Terms&)> batch_end;
  std::function<void()> between_steps;  // the model is consistent and may be read
};

// How many threads pay for batches of this size, of those available.
std::size_t sensible_threads(const Model& model, std::size_t rows, std::size_t draws);

class Trainer {
 public:
  explicit Trainer(Model& model) : model_(model) {}

  // Begins a fit: see NativeModel.beginFit in src/native.ts. Costs nothing; memory is taken by the first epoch.
  void begin_fit(const TrainSpec& spec);

  // What the next epoch over so many rows allocates, at most: memory that the one before it has taken is kept.
  double bytes_to_train(std::size_t rows) const;

  // One epoch over the data, from which a model that has not learned its columns' scale learns it. Throws Diverged,
  // Cancelled or UnsuitableColumn. The scale is forgotten again if no step of this fit was taken, or if the epoch to
  // return to is the one that learned it.
  Terms epoch(const Examples& examples, ThreadPool& pool, const std::atomic<bool>& cancelled,
              const EpochEvents& events);

  std::size_t batch_size() const { return spec_.batch_size; }

 private:
  Terms steps(const Examples& examples, ThreadPool& pool, const std::atomic<bool>& cancelled,
              const EpochEvents& events);
  void forget_new_scale();
  // How an epoch's rows are cut into batches. A last batch of fewer rows than the model needs goes with the one before.
  struct Batches {
    std::size_t rows = 0, count = 0, largest = 0;
  };
  Batches batches_of(std::size_t rows) const;
  void prepare_optimizer();
  std::vector<std::uint32_t> shuffled(std::size_t rows) const;

  Model& model_;
  TrainSpec spec_;
  Optimizer optimizer_;
  bool optimizer_prepared_ = false;
  double fit_epochs_ = 0.0;  // since begin_fit
  SingleProcess process_;
  TrainingStep step_{model_, process_};

  // What to return to: the beginning of the last epoch whose first loss was finite. Parameters are known to be good
  // only once a loss has been computed with them.
  struct Snapshot {
    bool taken = false;
    AlignedFloats parameters;
    Optimizer optimizer;
    std::uint64_t epochs_trained = 0;
    std::uint32_t steps_trained = 0;
    double fit_epochs = 0.0;
    BaselineState baseline;
  };
  void take_snapshot();
  void restore_snapshot();
  Snapshot snapshot_;
  // What learning the scale replaced, if that was in the snapshot's epoch or no snapshot is taken yet.
  std::optional<BeforeScaling> before_scaling_;
};

}  // namespace aevb
