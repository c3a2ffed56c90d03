#include "train/training_step.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "latent/latent.h"
#include "likelihood/likelihood.h"
#include "math/panel_ops.h"
#include "math/random.h"
#include "model/forward.h"
#include "model/likelihood_rows.h"
#include "model/scaling.h"
#include "objective/score_function.h"
#include "optimizer/update.h"
#include "train/backward.h"

namespace aevb {

namespace {

// Data that a task takes through the model: enough to find each weight panel in the cache again, few enough to share a
// batch of 128 among four.
constexpr std::size_t ROWS_PER_TASK = 32;
static_assert(ROWS_PER_TASK % ZEROS_RUN == 0);

// Floats that the layers of a segment read and write for a block of rows: as many as the second-level cache keeps.
constexpr std::size_t FLOATS_PER_BLOCK = 96 * 1024;

std::size_t task_count(std::size_t rows) { return (rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK; }

}  // namespace

TrainingStep::TrainingStep(Model& model, Communicator& communicator)
    : model_(model),
      communicator_(communicator),
      plan_(make_plan(model.layout(), spec_, communicator.processes())),
      weights_(model.spec()) {
  list_segments();
}

Network::LeastRows TrainingStep::least_rows() const {
  const Network::LeastRows encoder = model_.layout().encoder.least_rows();
  Network::LeastRows decoder = model_.layout().decoder.least_rows();
  const std::size_t draws = model_.spec().objective.samples;
  decoder.rows = (decoder.rows + draws - 1) / draws;
  return encoder.rows >= decoder.rows ? encoder : decoder;
}

void TrainingStep::configure(const TrainSpec& spec) {
  spec_ = spec;
  plan_ = make_plan(model_.layout(), spec, communicator_.processes());
  list_segments();
}

// Rows of a block in which a move's values stay in the cache. A layer of images takes a few rows at a time; what works
// on rows of numbers takes a task's rows at once.
std::size_t TrainingStep::block_rows(const Move& move) const {
  const ModelLayout& layout = model_.layout();
  const bool encoder = move.stage == Move::Stage::encoder;
  if (!encoder && move.stage != Move::Stage::decoder) return ROWS_PER_TASK;
  const Network& network = encoder ? layout.encoder : layout.decoder;
  const Node& node = network.nodes()[move.node];
  std::size_t floats = 0;
  bool image = false;
  const auto count = [&](const Shape& shape) {
    floats += shape.positions() * ((shape.channels + 15) / 16 * 16);
    image = image || shape.positions() > 1;
  };
  for (const std::size_t input : node.inputs) count(network.values()[input].shape);
  count(network.values()[node.output].shape);
  if (!image) return ROWS_PER_TASK;
  return std::clamp<std::size_t>(FLOATS_PER_BLOCK / floats, 1, ROWS_PER_TASK);
}

void TrainingStep::list_segments() {
  segments_.clear();
  for (const Phase& phase : plan_.passes) {
    std::vector<Segment>& segments = segments_.emplace_back();
    if (phase.kind != Phase::Kind::rows) continue;
    const auto blocks = [](std::size_t rows) { return rows < ROWS_PER_TASK; };
    for (std::size_t i = phase.begin; i < phase.end; ++i) {
      const std::size_t rows = block_rows(plan_.moves[i]);
      if (!segments.empty() && blocks(segments.back().rows) == blocks(rows)) {
        segments.back().end = i + 1;
        segments.back().rows = std::min(segments.back().rows, rows);
      } else {
        segments.push_back({i, i + 1, rows, false});
      }
    }
    if (!phase.partial) continue;
    const std::size_t rows = block_rows(plan_.moves[phase.end]);
    if (segments.empty() || blocks(segments.back().rows) != blocks(rows)) {
      segments.push_back({phase.end, phase.end, rows, false});
    }
    segments.back().partial = true;
  }
}

Workspace::Size TrainingStep::workspace_size(std::size_t rows) const {
  return {rows, model_.spec().objective.samples, task_count(rows), true};
}

void TrainingStep::prepare(std::size_t rows) {
  if (gradients_.size() == 0) gradients_ = AlignedFloats(model_.parameters().size());
  if (has_workspace(rows)) {
    refresh_likelihood(model_, *workspace_);
  } else {
    // Before another is made, so that there are never two.
    workspace_ = nullptr;
    coupling_ = nullptr;
    workspace_ = std::make_unique<Workspace>(model_, workspace_size(rows));
    if (couples_rows(model_.spec().objective)) {
      coupling_ = std::make_unique<Coupling>(model_, rows, model_.spec().objective.samples);
    }
    list_tiles();
  }
  workspace_->precision = spec_.precision;
  workspace_->training = true;
}

double TrainingStep::bytes_to_prepare(std::size_t rows) const {
  double bytes = 0.0;
  if (gradients_.size() == 0)
    bytes += static_cast<double>(sizeof(float)) * static_cast<double>(model_.parameters().size());
  if (has_workspace(rows)) return bytes;
  bytes += Workspace::bytes(model_, workspace_size(rows));
  if (couples_rows(model_.spec().objective)) bytes += Coupling::bytes(model_, rows, model_.spec().objective.samples);
  const std::size_t tiles = model_.layout().encoder.tiles() + model_.layout().decoder.tiles();
  // A vector that grows holds what it had beside twice of it.
  return bytes +
         static_cast<double>(tiles) * static_cast<double>(3 * (sizeof(Tile) + 2 * sizeof(Span)) + sizeof(double));
}

void TrainingStep::list_layer_tiles(const Network& network, NetworkMemory& memory, std::size_t node,
                                    std::size_t draws) {
  for (std::size_t i = 0; i < network.nodes()[node].layer->tiles(); ++i) {
    const std::vector<Span> spans = network.nodes()[node].layer->tile_spans(i);
    tiles_.push_back({.kind = Tile::Kind::layer,
                      .network = &network,
                      .memory = &memory,
                      .node = node,
                      .index = i,
                      .first_span = spans_.size(),
                      .spans = spans.size(),
                      .draws = draws});
    spans_.insert(spans_.end(), spans.begin(), spans.end());
  }
}

// In the order of the tensors in the table, which is that of the sum of squares that clipping by norm takes.
void TrainingStep::list_tiles() {
  const ModelLayout& layout = model_.layout();
  const std::size_t draws = workspace_->draws();
  tiles_.clear();
  spans_.clear();
  std::size_t node = 0;
  const auto encoder_until = [&](std::size_t value) {
    for (; node < layout.encoder.nodes().size() && layout.encoder.nodes()[node].output <= value; ++node) {
      list_layer_tiles(layout.encoder, workspace_->encoder, node, 1);
    }
  };
  for (std::size_t i = 0; i < layout.latents.size(); ++i) {
    encoder_until(layout.latents[i].posterior_heads.back().value);
    if (layout.latents[i].prior_parameters == 0) continue;
    const std::size_t of_datum = needs_densities(model_.spec()) ? draws : 1;
    tiles_.push_back({.kind = Tile::Kind::prior, .group = i, .draws = of_datum});
  }
  for (std::size_t i = 0; i < layout.decoder.nodes().size(); ++i) {
    list_layer_tiles(layout.decoder, workspace_->decoder, i, draws);
  }
  for (std::size_t i = 0; i < layout.likelihoods.size(); ++i) {
    if (layout.likelihoods[i].shared_log_dispersions == 0) continue;
    tiles_.push_back({.kind = Tile::Kind::logDispersion, .group = i, .draws = draws});
  }
  squares_.assign(tiles_.size(), 0.0);
}

Rows TrainingStep::task_rows(std::size_t task) const {
  const std::size_t first = task * ROWS_PER_TASK;
  return {first, std::min(ROWS_PER_TASK, rows_ - first), task};
}

void TrainingStep::load(const Examples& examples, const Batch& batch, Rows rows) {
  Workspace& workspace = *workspace_;
  const auto [first, count, task, begins] = rows;
  const std::size_t L = workspace.draws(), N = model_.layout().noise_width;
  const std::uint64_t seed = model_.spec().seed;
  const Preparation preparation{seed, true, static_cast<std::uint32_t>(model_.epochs_trained), true, batch.step};
  load_rows(model_, workspace, examples, preparation, batch.index == nullptr ? nullptr : batch.index + first, first,
            first, count);
  for (std::size_t i = 0; i < model_.latents().size(); ++i) {
    const LatentGroup& group = model_.latents()[i];
    const Panels noise = workspace.latents[i].epsilon.from_row(first * L);
    if (batch.epsilon == nullptr) {
      latent_noise(noise, group.spec, count * L, seed, Purpose::epsilon, batch.step,
                   static_cast<std::uint32_t>(first * L), static_cast<std::uint32_t>(i));
      continue;
    }
    for (std::size_t r = 0; r < count * L; ++r) {
      for (std::size_t c = 0; c < group.noise_width; ++c) {
        noise.at(r, c) = batch.epsilon[(first * L + r) * N + group.noise_offset + c];
      }
    }
  }
  workspace.encoder.note_input(rows);
}

void TrainingStep::move(const Move& move, const Examples& examples, const Batch& batch, Rows rows) {
  using Stage = Move::Stage;
  Workspace& workspace = *workspace_;
  const bool forward = move.direction == Direction::forward;
  const auto layer = [&](NetworkMemory& memory, Rows of_network) {
    const NetworkMemory::Setting setting = workspace.setting(model_);
    if (forward) {
      memory.forward(setting, move.node, of_network);
    } else {
      memory.backward(setting, move.node, of_network);
    }
  };
  switch (move.stage) {
    case Stage::load:
      return load(examples, batch, rows);
    case Stage::encoder:
      return layer(workspace.encoder, rows);
    case Stage::latent:
      if (forward) {
        bound_heads(model_, workspace, rows);
        sample_rows(model_, workspace, Sampling::training, weights_.temperature.data(), rows);
        divergence_rows(model_, workspace, rows);
        place_condition(model_, workspace, rows);
      } else {
        backward_latents(model_, workspace, weights_, coupling_.get(), rows, batch.rows);
        backward_bounds(model_, workspace, rows);
      }
      return;
    case Stage::coupling:
      return;  // its part in the gradient comes with the latents'
    case Stage::decoder:
      return layer(workspace.decoder, rows.times(workspace.draws()));
    case Stage::loss:
      return loss_rows(model_, workspace, weights_, rows, batch.rows);
  }
}

void TrainingStep::leave_part(const Move& move, Rows rows) {
  const NetworkMemory::Setting setting = workspace_->setting(model_);
  if (move.stage == Move::Stage::encoder) {
    workspace_->encoder.partial(setting, move.node, rows, move.direction);
  } else if (move.stage == Move::Stage::decoder) {
    workspace_->decoder.partial(setting, move.node, rows.times(workspace_->draws()), move.direction);
  }
}

void TrainingStep::finish(const Move& move, const Examples& examples, const Batch& batch, ThreadPool& pool) {
  const NetworkMemory::Setting setting = workspace_->setting(model_);
  const std::size_t tasks = task_count(batch.rows);
  if (move.stage == Move::Stage::coupling) {
    coupling_->couple(*workspace_, weights_, batch.rows, examples.rows(), batch.step, pool);
  } else if (move.stage == Move::Stage::encoder) {
    workspace_->encoder.finish(setting, move.node, tasks, batch.rows, move.direction);
  } else {
    workspace_->decoder.finish(setting, move.node, tasks, batch.rows * workspace_->draws(), move.direction);
  }
}

bool TrainingStep::pass(const Examples& examples, const Batch& batch, ThreadPool& pool,
                        const std::atomic<bool>* cancelled) {
  const auto is_cancelled = [&] { return cancelled != nullptr && cancelled->load(std::memory_order_relaxed); };
  rows_ = batch.rows;
  workspace_->step = batch.step;
  workspace_->tasks = task_count(batch.rows);
  weights_.begin(model_.spec(), batch.rows, batch.epochs);
  for (std::size_t p = 0; p < plan_.passes.size(); ++p) {
    const Phase& phase = plan_.passes[p];
    if (phase.kind == Phase::Kind::finish) {
      finish(plan_.moves[phase.begin], examples, batch, pool);
      continue;
    }
    pool.run(task_count(batch.rows), [&](std::size_t task, std::size_t) {
      if (is_cancelled()) return;
      const Rows all = task_rows(task);
      for (const Segment& segment : segments_[p]) {
        for (std::size_t done = 0; done < all.count; done += segment.rows) {
          const Rows rows{all.first + done, std::min(segment.rows, all.count - done), task, done == 0};
          for (std::size_t i = segment.begin; i < segment.end; ++i) move(plan_.moves[i], examples, batch, rows);
          if (segment.partial) leave_part(plan_.moves[segment.end], rows);
        }
      }
    });
    if (is_cancelled()) return false;
  }
  return true;
}

void TrainingStep::add_parts(std::vector<double>& sums) const {
  const std::size_t L = workspace_->draws();
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const std::vector<double>& loss = workspace_->likelihoods[i].loss;
    const double sum = std::accumulate(loss.begin(), loss.begin() + static_cast<std::ptrdiff_t>(rows_ * L), 0.0);
    sums[i] += sum / static_cast<double>(L);
    for (std::size_t row = 0; model_.scales_target() && row < rows_; ++row) {
      sums[i] += log_volume_of_row(model_, *workspace_, i, row);
    }
  }
}

Terms TrainingStep::terms() const {
  const ObjectiveSpec& objective = model_.spec().objective;
  Terms terms = batch_terms(objective, weights_, workspace_->reconstruction.data(), workspace_->kl.data(),
                            workspace_->bound.data(), rows_, workspace_->draws());
  if (coupling_ != nullptr) terms.loss += coupling_->addition();
  // Constants, on which no gradient depends, are added last.
  if (model_.scales_target()) {
    double volume = model_.log_volume();
    if (model_.layout().mask_columns > 0) {
      volume = 0.0;
      for (std::size_t row = 0; row < rows_; ++row) volume += log_volume_of_row(model_, *workspace_, row);
      volume /= static_cast<double>(rows_);
    }
    terms.reconstruction += volume;
    terms.loss += weights_.reconstruction * volume;
  }
  return terms;
}

// The pieces of the arena that a tile covers.
template <typename Visit>
void TrainingStep::for_each_span(const Tile& tile, Visit visit) const {
  const ModelLayout& layout = model_.layout();
  if (tile.kind == Tile::Kind::logDispersion) {
    return visit(layout.likelihoods[tile.group].log_dispersion_offset,
                 layout.likelihoods[tile.group].shared_log_dispersions);
  }
  if (tile.kind == Tile::Kind::prior) {
    return visit(layout.latents[tile.group].prior_offset, layout.latents[tile.group].prior_parameters);
  }
  for (std::size_t i = tile.first_span; i < tile.first_span + tile.spans; ++i) visit(spans_[i].offset, spans_[i].size);
}

LayerPass TrainingStep::layer_pass(const Tile& tile) {
  return tile.memory->pass(workspace_->setting(model_), tile.node);
}

void TrainingStep::tile_gradient(const Tile& tile) {
  const ModelLayout& layout = model_.layout();
  const std::size_t R = rows_ * tile.draws;
  if (tile.kind == Tile::Kind::prior) {
    const LatentGroup& group = layout.latents[tile.group];
    const ConstPanels dprior = workspace_->latents[tile.group].dprior;
    return column_sums(gradients_.data() + group.prior_offset, dprior, R, group.prior_parameters);
  }
  if (tile.kind == Tile::Kind::layer) {
    return tile.network->nodes()[tile.node].layer->tile_gradient(gradients_.data(), layer_pass(tile), tile.index, R);
  }
  const bool weighted = is_importance_weighted(model_.spec().objective);
  // The weights of the draws of a datum add up to 1; equal weights would be 1/L.
  const auto count = static_cast<double>(weighted ? rows_ : R);
  const auto scale = static_cast<float>(weights_.reconstruction / count);
  const LikelihoodPart& part = layout.likelihoods[tile.group];
  const LikelihoodMemory& memory = workspace_->likelihoods[tile.group];
  shared_log_dispersion_backward(gradients_.data() + part.log_dispersion_offset, part.spec,
                                 model_.raw_log_dispersion(part), memory.shared_log_dispersion, memory.heads.back(),
                                 scale, weighted ? workspace_->draw_weight : nullptr, R, part.columns);
}

void TrainingStep::clip_tile(const Tile& tile) {
  for_each_span(tile, [&](std::size_t offset, std::size_t n) {
    clip_by_value(gradients_.data() + offset, n, static_cast<float>(spec_.clip_value));
  });
}

void TrainingStep::tile_update(const Tile& tile, Optimizer& optimizer) {
  for_each_span(tile, [&](std::size_t offset, std::size_t n) {
    optimizer.update(model_.parameters().data(), gradients_.data(), offset, n);
  });
  if (tile.kind != Tile::Kind::layer) return;
  const Layer& layer = *tile.network->nodes()[tile.node].layer;
  layer.tile_updated(model_.derived(), model_.parameters().data(), layer_pass(tile), tile.index);
}

void TrainingStep::sum_gradients(ThreadPool& pool) {
  pool.run(tiles_.size(), [&](std::size_t i, std::size_t) { tile_gradient(tiles_[i]); });
}

void TrainingStep::update(Optimizer& optimizer, ThreadPool& pool) {
  for (const Phase& phase : plan_.updates) {
    if (phase.kind == Phase::Kind::reduce) {
      communicator_.sum(gradients_.data(), gradients_.size());
    } else if (phase.kind == Phase::Kind::norm) {
      const double norm = std::sqrt(std::accumulate(squares_.begin(), squares_.end(), 0.0));
      // As torch.nn.utils.clip_grad_norm_ does; a norm that is not a number goes through, to be seen in the loss.
      const double scale = spec_.clip_norm / (norm + 1e-6);
      optimizer.set_gradient_scale(static_cast<float>(scale > 1.0 ? 1.0 : scale));
    } else {
      pool.run(tiles_.size(), [&](std::size_t i, std::size_t) {
        const Tile& tile = tiles_[i];
        if (phase.gradient) tile_gradient(tile);
        if (phase.clip) clip_tile(tile);
        if (phase.squares) {
          squares_[i] = 0.0;
          for_each_span(tile, [&](std::size_t offset, std::size_t n) {
            squares_[i] += sum_of_squares(gradients_.data() + offset, n);
          });
        }
        if (phase.update) tile_update(tile, optimizer);
      });
    }
  }
  refresh_likelihood(model_, *workspace_);
  const ObjectiveSpec& objective = model_.spec().objective;
  if (objective.estimator != Estimator::scoreFunction || objective.baseline != Baseline::movingAverage) return;
  score_function_update(weights_.baseline, workspace_->draw_loss.data(), objective.baseline_decay, rows_,
                        workspace_->draws());
}

}  // namespace aevb
