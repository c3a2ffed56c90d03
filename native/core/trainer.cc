#include "trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "layers/dense.h"
#include "likelihood/likelihood.h"
#include "math/gemm.h"
#include "math/panel_ops.h"
#include "math/random.h"
#include "optimizer/schedule.h"
#include "optimizer/update.h"

namespace aevb {

namespace {

// Data a task of the rows pass takes through the network: enough to find each weight panel in the cache again, few
// enough to share a batch of 128 among four.
constexpr std::size_t ROWS_PER_TASK = ZEROS_RUN;

// Rows of a weight in one task of the weights pass. With panels as wide as the matrix (CBLAS) a tile is that many whole
// rows; with narrow panels it is one panel of the layer's input.
constexpr std::size_t WIDE_TILE_ROWS = 128;

// Below this many floating-point operations a step is over before a second thread has woken.
constexpr double OPERATIONS_WORTH_A_THREAD = 4e6;

}  // namespace

std::size_t sensible_threads(const Model& model, std::size_t rows, std::size_t draws) {
  double weights = 0.0;
  const auto count = [&](const DenseLayer& layer, double times) {
    weights += static_cast<double>(layer.in) * static_cast<double>(layer.out) * times;
  };
  for (const DenseLayer& layer : model.encoder) count(layer, 1.0);
  count(model.mean, 1.0);
  count(model.log_variance, 1.0);
  for (const DenseLayer& layer : model.decoder) count(layer, static_cast<double>(draws));
  for (const DenseLayer& layer : model.heads) count(layer, static_cast<double>(draws));
  const double worth = 2.0 * weights * static_cast<double>(rows) / OPERATIONS_WORTH_A_THREAD;
  const auto cores = static_cast<double>(available_cores());
  return static_cast<std::size_t>(std::clamp(std::floor(worth), 1.0, cores));
}

void Trainer::begin_fit(const TrainSpec& spec) {
  spec_ = spec;
  optimizer_prepared_ = false;
  fit_epochs_ = 0.0;
  // Where already the first loss is not finite, the data may be to blame: the model stays as it was before the fit.
  snapshot_.taken = false;
}

void Trainer::prepare_optimizer() {
  if (optimizer_prepared_) return;
  const std::size_t size = model_.parameters().size();
  optimizer_.configure(spec_.optimizer, size);
  snapshot_.optimizer.configure(spec_.optimizer, size);
  if (snapshot_.parameters.size() == 0) snapshot_.parameters = AlignedFloats(size);
  optimizer_prepared_ = true;
}

void Trainer::take_snapshot() {
  snapshot_.taken = true;
  snapshot_.parameters.copy_from(model_.parameters());
  snapshot_.optimizer.copy_state_from(optimizer_);
  snapshot_.epochs_trained = model_.epochs_trained;
  snapshot_.steps_trained = model_.steps_trained;
  snapshot_.fit_epochs = fit_epochs_;
}

void Trainer::restore_snapshot() {
  if (!snapshot_.taken) return;  // no step of this fit has been taken
  model_.parameters().copy_from(snapshot_.parameters);
  model_.refresh_transposed();
  optimizer_.copy_state_from(snapshot_.optimizer);
  model_.epochs_trained = snapshot_.epochs_trained;
  model_.steps_trained = snapshot_.steps_trained;
  fit_epochs_ = snapshot_.fit_epochs;
}

void Trainer::prepare(std::size_t batch_rows) {
  if (gradients_.size() == 0) gradients_ = AlignedFloats(model_.parameters().size());
  const std::size_t draws = model_.spec().objective.samples;
  if (workspace_ != nullptr && workspace_->rows() >= batch_rows) {
    refresh_likelihood(model_, *workspace_);
    return;
  }
  workspace_ = std::make_unique<Workspace>(model_, batch_rows, draws, true);
  tiles_.clear();
  ConstPanels inp = workspace_->x;
  Zeros zeros = workspace_->zeros.of_columns();
  for (std::size_t i = 0; i < model_.encoder.size(); ++i) {
    add_tiles(model_.encoder[i], inp, workspace_->encoder[i].dout, 1, zeros);
    inp = workspace_->encoder[i].out;
    zeros = {};
  }
  add_tiles(model_.mean, inp, workspace_->mean.dout, 1, zeros);
  add_tiles(model_.log_variance, inp, workspace_->log_variance.dout, 1, zeros);
  inp = workspace_->z;
  for (std::size_t i = 0; i < model_.decoder.size(); ++i) {
    add_tiles(model_.decoder[i], inp, workspace_->decoder[i].dout, draws);
    inp = workspace_->decoder[i].out;
  }
  for (std::size_t i = 0; i < model_.heads.size(); ++i) add_tiles(model_.heads[i], inp, workspace_->heads[i], draws);
  if (model_.shared_log_dispersions > 0)
    tiles_.push_back({nullptr, {}, workspace_->heads.back(), draws, 0, 0, 0, 0, {}});
  squares_.assign(tiles_.size(), 0.0);
}

void Trainer::add_tiles(const DenseLayer& layer, ConstPanels inp, ConstPanels dout, std::size_t draws, Zeros zeros) {
  const std::size_t width = matrix_width(layer.out);
  const std::size_t step = active_gemm() == Gemm::builtin ? matrix_width(layer.in) : WIDE_TILE_ROWS;
  for (std::size_t first = 0; first < layer.in; first += step) {
    for (std::size_t panel = 0; panel * width < layer.out; ++panel) {
      tiles_.push_back({&layer, inp, dout, draws, first, std::min(step, layer.in - first), panel,
                        std::min(width, layer.out - panel * width), zeros.from_panel(first / inp.width, inp.width)});
    }
  }
}

std::vector<std::uint32_t> Trainer::shuffled(std::size_t rows) const {
  std::vector<std::uint32_t> order(rows);
  std::iota(order.begin(), order.end(), 0u);
  if (!spec_.shuffle) return order;
  // Fisher and Yates; word i of the epoch's stream decides who changes places with element i.
  const auto epoch = static_cast<std::uint32_t>(model_.epochs_trained);
  for (std::size_t i = rows; i-- > 1;) {
    const Philox block = philox(model_.spec().seed, Purpose::shuffle, epoch, 0, static_cast<std::uint32_t>(i / 4));
    const std::uint64_t choice = (static_cast<std::uint64_t>(block.word[i % 4]) * (i + 1)) >> 32;
    std::swap(order[i], order[choice]);
  }
  return order;
}

bool Trainer::rows_pass(const Dataset& data, const std::uint32_t* index, std::size_t rows, ThreadPool& pool,
                        const std::atomic<bool>* cancelled, const float* epsilon, std::uint32_t step) {
  Workspace& workspace = *workspace_;
  const std::size_t L = workspace.draws(), Z = model_.spec().latent.units;
  const auto is_cancelled = [&] { return cancelled != nullptr && cancelled->load(std::memory_order_relaxed); };
  pool.run((rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK, [&](std::size_t task, std::size_t) {
    if (is_cancelled()) return;
    const std::size_t first = task * ROWS_PER_TASK, count = std::min(ROWS_PER_TASK, rows - first);
    if (index != nullptr) {
      data.gather(workspace.x.from_row(first), index + first, count);
    } else {
      data.copy(workspace.x.from_row(first), first, count);
    }
    const Panels noise = workspace.epsilon.from_row(first * L);
    if (epsilon == nullptr) {
      fill_normal(noise, count * L, Z, model_.spec().seed, Purpose::epsilon, step,
                  static_cast<std::uint32_t>(first * L));
    } else {
      for (std::size_t r = 0; r < count * L; ++r) {
        for (std::size_t c = 0; c < Z; ++c) noise.at(r, c) = epsilon[(first * L + r) * Z + c];
      }
    }
    train_rows(model_, workspace, first, count, rows);
  });
  return !is_cancelled();
}

Terms Trainer::batch_terms(std::size_t rows) const {
  return elbo_terms(workspace_->reconstruction.data(), workspace_->kl.data(), rows, workspace_->draws(),
                    model_.spec().objective);
}

// The stretches of the arena that a tile covers.
template <typename Visit>
void Trainer::for_each_stretch(const Tile& tile, Visit visit) {
  if (tile.layer == nullptr) return visit(model_.shared_log_dispersion, model_.shared_log_dispersions);
  const DenseLayer& layer = *tile.layer;
  const std::size_t width = matrix_width(layer.out);
  visit(layer.weight + (tile.panel * layer.in + tile.first_row) * width, tile.rows * width);
  if (tile.first_row == 0) visit(layer.bias + tile.panel * width, width);
}

void Trainer::tile_gradient(const Tile& tile, std::size_t rows) {
  const std::size_t R = rows * tile.draws;
  if (tile.layer == nullptr) {
    const auto scale = static_cast<float>(reconstruction_scale(rows, tile.draws));
    shared_log_dispersion_backward(gradients_.data() + model_.shared_log_dispersion, model_.spec().likelihood,
                                   model_.shared_log_dispersion_raw(), workspace_->shared_log_dispersion, tile.dout,
                                   scale, R, model_.spec().input);
  } else {
    const DenseLayer& layer = *tile.layer;
    const Panels dweight = model_.weight(gradients_.data(), layer).from_panel(tile.panel).from_row(tile.first_row);
    ConstPanels inp = tile.inp.from_panel(tile.first_row / tile.inp.width);
    inp.data += tile.first_row % tile.inp.width;
    const ConstPanels dout = tile.dout.from_panel(tile.panel);
    dense_backward_weight(dweight, inp, dout, R, tile.rows, tile.cols, tile.zeros);
    if (tile.first_row == 0) {
      dense_backward_bias(gradients_.data() + layer.bias + tile.panel * dout.width, dout, R, tile.cols);
    }
  }
  if (spec_.clip_value > 0.0) {
    for_each_stretch(tile, [&](std::size_t offset, std::size_t n) {
      clip_by_value(gradients_.data() + offset, n, static_cast<float>(spec_.clip_value));
    });
  }
}

void Trainer::tile_update(const Tile& tile) {
  for_each_stretch(tile, [&](std::size_t offset, std::size_t n) {
    optimizer_.update(model_.parameters().data(), gradients_.data(), offset, n);
  });
  if (tile.layer == nullptr || !tile.layer->backward_input || !wants_transposed_copy()) return;
  const DenseLayer& layer = *tile.layer;
  const Panels to = model_.transposed(layer);
  const ConstPanels from = std::as_const(model_).weight(layer);
  transpose(to.from_panel(tile.first_row / to.width).from_row(tile.panel * from.width),
            from.from_panel(tile.panel).from_row(tile.first_row), tile.rows, tile.cols);
}

void Trainer::weights_pass(std::size_t rows, ThreadPool& pool) {
  if (spec_.clip_norm <= 0.0) {
    pool.run(tiles_.size(), [&](std::size_t i, std::size_t) {
      tile_gradient(tiles_[i], rows);
      tile_update(tiles_[i]);
    });
    return;
  }
  pool.run(tiles_.size(), [&](std::size_t i, std::size_t) {
    tile_gradient(tiles_[i], rows);
    squares_[i] = 0.0;
    for_each_stretch(tiles_[i], [&](std::size_t offset, std::size_t n) {
      squares_[i] += sum_of_squares(gradients_.data() + offset, n);
    });
  });
  const double norm = std::sqrt(std::accumulate(squares_.begin(), squares_.end(), 0.0));
  // As torch.nn.utils.clip_grad_norm_ does; a norm that is not a number goes through, to be seen in the loss.
  const double scale = spec_.clip_norm / (norm + 1e-6);
  optimizer_.set_gradient_scale(static_cast<float>(scale > 1.0 ? 1.0 : scale));
  pool.run(tiles_.size(), [&](std::size_t i, std::size_t) { tile_update(tiles_[i]); });
}

Terms Trainer::epoch(const Dataset& data, ThreadPool& pool, const std::atomic<bool>& cancelled,
                     const EpochEvents& events) {
  const std::size_t rows = data.rows();
  const std::size_t batch_size = std::min(spec_.batch_size, rows);
  const std::size_t batches = (rows + batch_size - 1) / batch_size;
  prepare(batch_size);
  prepare_optimizer();
  const auto diverged = [&](std::size_t batch) {
    const Diverged error(model_.epochs_trained + 1, batch + 1);
    restore_snapshot();
    return error;
  };

  const std::vector<std::uint32_t> order = shuffled(rows);
  Terms total;
  for (std::size_t batch = 0; batch < batches; ++batch) {
    if (cancelled.load(std::memory_order_relaxed)) throw Cancelled();
    if (events.batch_begin) events.batch_begin(batch);
    const std::size_t first = batch * batch_size, count = std::min(batch_size, rows - first);
    if (!rows_pass(data, order.data() + first, count, pool, &cancelled, nullptr, model_.steps_trained)) {
      throw Cancelled();
    }
    const Terms terms = batch_terms(count);
    if (!std::isfinite(terms.loss)) throw diverged(batch);
    if (batch == 0) take_snapshot();
    const double step = 1.0 / static_cast<double>(batches);
    optimizer_.begin_step(schedule_factor(spec_.schedule, fit_epochs_ + static_cast<double>(batch) * step, step));
    weights_pass(count, pool);
    refresh_likelihood(model_, *workspace_);
    ++model_.steps_trained;
    elbo_add(total, terms);
    if (events.batch_end) events.batch_end(batch, terms);
    if (events.between_steps) events.between_steps();
  }
  // The last update has no next step to show that it went wrong.
  if (!model_.parameters_are_finite()) throw diverged(batches - 1);
  fit_epochs_ += 1.0;
  ++model_.epochs_trained;
  return elbo_average(total, model_.spec().objective);
}

Terms Trainer::gradient(const Dataset& data, ThreadPool& pool, const float* epsilon, std::uint32_t step) {
  prepare(data.rows());
  rows_pass(data, nullptr, data.rows(), pool, nullptr, epsilon, step);
  const double clip_value = spec_.clip_value;
  spec_.clip_value = 0.0;
  pool.run(tiles_.size(), [&](std::size_t i, std::size_t) { tile_gradient(tiles_[i], data.rows()); });
  spec_.clip_value = clip_value;
  return batch_terms(data.rows());
}

}  // namespace aevb
