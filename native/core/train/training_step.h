// One training step: what a batch costs, the gradient of that, and the new parameters.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "model/model.h"
#include "model/rows.h"
#include "model/workspace.h"
#include "objective/objective.h"
#include "optimizer/optimizer.h"
#include "runtime/communicator.h"
#include "runtime/thread_pool.h"
#include "spec/spec.h"
#include "tensor/aligned.h"
#include "tensor/shape.h"
#include "train/coupling.h"
#include "train/plan.h"

namespace aevb {

class TrainingStep {
 public:
  // The model and the communicator must outlive this.
  TrainingStep(Model& model, Communicator& communicator);

  // Data that a batch has at least, and the layer that asks for them; the same as Network::least_rows.
  Network::LeastRows least_rows() const;

  // How all later steps are taken.
  void configure(const TrainSpec& spec);
  // Memory for batches of so many rows. What there is already is kept.
  void prepare(std::size_t rows);
  // What prepare would take beside what there is.
  double bytes_to_prepare(std::size_t rows) const;

  struct Batch {
    const std::uint32_t* index = nullptr;  // rows of the data; null: from the first on
    std::size_t rows = 0;
    const float* epsilon = nullptr;  // [rows · samples, N] row-major; null: that of the step
    std::uint32_t step = 0;          // which decides every draw
    double epochs = 0.0;             // of the model's life
  };
  // The batch through the model and back. False if it was cancelled on the way.
  bool pass(const Examples& examples, const Batch& batch, ThreadPool& pool, const std::atomic<bool>* cancelled);
  // After pass(): what the batch costs.
  Terms terms() const;
  // Adds the sum over the batch's rows of the reconstruction of each part, if the likelihood has several.
  void add_parts(std::vector<double>& sums) const;
  // After pass(): the gradient of every tensor, to gradients(). Nothing is clipped.
  void sum_gradients(ThreadPool& pool);
  // After pass(): the gradient of every tensor, and with it the step of the optimiser. The model's scale and what is
  // derived from its parameters are up to date afterwards.
  void update(Optimizer& optimizer, ThreadPool& pool);

  const AlignedFloats& gradients() const { return gradients_; }
  const Workspace& workspace() const { return *workspace_; }
  BaselineState& baseline() { return weights_.baseline; }

 private:
  // A piece of the parameters whose gradient one task sums: a layer's tile, or all of what belongs to no layer.
  struct Tile {
    enum class Kind { layer, logDispersion, prior } kind = Kind::layer;
    const Network* network = nullptr;       // layer
    NetworkMemory* memory = nullptr;        // layer
    std::size_t node = 0, index = 0;        // layer
    std::size_t first_span = 0, spans = 0;  // layer: of spans_
    std::size_t group = 0;                  // prior; logDispersion: the likelihood's part
    std::size_t draws = 1;                  // rows of the memory for each datum
  };

  // Moves of a phase that a task takes together, over blocks of its rows or over all of them.
  struct Segment {
    std::size_t begin = 0, end = 0;
    std::size_t rows = 0;  // of a block
    bool partial = false;  // each block leaves its part of the move `end`, too
  };

  bool has_workspace(std::size_t rows) const { return workspace_ != nullptr && workspace_->rows() >= rows; }
  Workspace::Size workspace_size(std::size_t rows) const;
  void list_segments();
  std::size_t block_rows(const Move& move) const;
  void list_tiles();
  void list_layer_tiles(const Network& network, NetworkMemory& memory, std::size_t node, std::size_t draws);
  Rows task_rows(std::size_t task) const;
  void load(const Examples& examples, const Batch& batch, Rows rows);
  void move(const Move& move, const Examples& examples, const Batch& batch, Rows rows);
  void leave_part(const Move& move, Rows rows);
  void finish(const Move& move, const Examples& examples, const Batch& batch, ThreadPool& pool);
  LayerPass layer_pass(const Tile& tile);
  void tile_gradient(const Tile& tile);
  void clip_tile(const Tile& tile);
  void tile_update(const Tile& tile, Optimizer& optimizer);
  template <typename Visit>
  void for_each_span(const Tile& tile, Visit visit) const;

  Model& model_;
  Communicator& communicator_;
  TrainSpec spec_;
  Plan plan_;
  std::vector<std::vector<Segment>> segments_;  // of each of the plan's passes
  Step weights_;
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<Coupling> coupling_;
  AlignedFloats gradients_;
  std::vector<Tile> tiles_;
  std::vector<Span> spans_;      // the pieces of the parameters that layers' tiles cover
  std::vector<double> squares_;  // of each tile's gradient
  std::size_t rows_ = 0;         // of this batch
};

}  // namespace aevb
