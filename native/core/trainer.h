// Steps and epochs. One step is two passes over numbered tasks, with one barrier between them:
//
//   rows      each task takes some rows through the whole network and back (training_rows.h)
//   weights   each task sums one tile of one weight's gradient over all rows, and updates that tile in place
//
// Clipping by norm needs the whole gradient before the first update, and so a third pass. An objective that couples the
// rows of a batch needs all of them before the first goes back: then the rows' pass is two, with the coupling between.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "exceptions.h"
#include "math/aligned.h"
#include "math/thread_pool.h"
#include "model.h"
#include "objective/coupling.h"
#include "objective/objective.h"
#include "optimizer/optimizer.h"
#include "rows.h"
#include "scaling.h"
#include "spec.h"
#include "workspace.h"

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
  // Cancelled or UnsuitableColumn; without a step of this fit, and where the epoch to return to is the one that has
  // learned the scale, that is forgotten again.
  Terms epoch(const Examples& examples, ThreadPool& pool, const std::atomic<bool>& cancelled,
              const EpochEvents& events);

  // The loss and its gradient over all rows as one batch, into gradients(); nothing else changes. epsilon
  // [rows · samples, N] row-major, or null for that of training step `step`, which decides every other draw too.
  Terms gradient(const Examples& examples, ThreadPool& pool, const float* epsilon, std::uint32_t step);
  const AlignedFloats& gradients() const { return gradients_; }
  std::size_t batch_size() const { return spec_.batch_size; }

 private:
  // A tile of one tensor's gradient: `rows` of the weight from `first_row` on, in the panel `panel`. Or all of what is
  // no weight: the likelihood's shared log-dispersions, or the parameters of a group's prior.
  struct Tile {
    enum class Kind { weight, dispersion, prior } kind;
    const DenseLayer* layer = nullptr;    // weight
    const LatentGroup* group = nullptr;   // prior
    ConstPanels inp = {}, dout;           // of all rows
    std::size_t draws;                    // rows of dout, and of a decoder's inp, for each datum
    std::size_t first_row = 0, rows = 0;  // weight: which of its rows
    std::size_t panel = 0, cols = 0;      // weight: which panel, and its columns
    const ZerosTable* zeros = nullptr;    // of inp, or null
  };

  Terms steps(const Examples& examples, ThreadPool& pool, const std::atomic<bool>& cancelled,
              const EpochEvents& events);
  void forget_new_scale();
  void prepare(std::size_t batch_rows);
  void make_workspace(std::size_t batch_rows);
  bool has_workspace(std::size_t batch_rows) const { return workspace_ != nullptr && workspace_->rows() >= batch_rows; }
  static std::size_t tile_rows(const DenseLayer& layer);
  void prepare_optimizer();
  void add_tiles(const DenseLayer& layer, ConstPanels inp, const ZerosTable* zeros, ConstPanels dout,
                 std::size_t draws);
  std::vector<std::uint32_t> shuffled(std::size_t rows) const;
  // The rows of a step, and what their random numbers are counted by.
  struct Batch {
    const std::uint32_t* index;  // of the rows, or null for all in their order
    const float* epsilon;        // row-major, or null
    std::uint32_t step;
  };
  // Gathers and passes rows forward and backward; false where cancelled.
  bool rows_pass(const Examples& examples, const Batch& batch, std::size_t rows, ThreadPool& pool,
                 const std::atomic<bool>* cancelled);
  void load_task(const Examples& examples, const Batch& batch, std::size_t first, std::size_t count);
  Terms terms(std::size_t rows) const;
  void update_baseline(std::size_t rows);
  void weights_pass(std::size_t rows, ThreadPool& pool);
  void tile_gradient(const Tile& tile, std::size_t rows);
  void tile_update(const Tile& tile);
  template <typename Visit>
  void for_each_stretch(const Tile& tile, Visit visit);

  Model& model_;
  TrainSpec spec_;
  Optimizer optimizer_;
  bool optimizer_prepared_ = false;
  double fit_epochs_ = 0.0;  // since begin_fit
  AlignedFloats gradients_;
  std::vector<Tile> tiles_;
  std::vector<double> squares_;  // of each tile's gradient
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<Coupling> coupling_;  // where the objective has one
  Step step_{model_};

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
  // Of the scale that was learned in the epoch that the snapshot is of, or that has taken none.
  std::optional<BeforeScaling> before_scaling_;
};

}  // namespace aevb
