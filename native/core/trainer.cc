#include "trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "latent/latent.h"
#include "layers/dense.h"
#include "likelihood/likelihood.h"
#include "math/gemm.h"
#include "math/panel_ops.h"
#include "math/random.h"
#include "optimizer/schedule.h"
#include "optimizer/update.h"
#include "training_rows.h"

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
  for (const LatentGroup& group : model.latents) {
    for (const DenseLayer& layer : group.heads) count(layer, 1.0);
  }
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
  before_scaling_.reset();
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
  snapshot_.baseline = step_.baseline;
}

void Trainer::restore_snapshot() {
  if (!snapshot_.taken) return;  // no step of this fit has been taken
  model_.parameters().copy_from(snapshot_.parameters);
  model_.refresh_transposed();
  optimizer_.copy_state_from(snapshot_.optimizer);
  model_.epochs_trained = snapshot_.epochs_trained;
  model_.steps_trained = snapshot_.steps_trained;
  fit_epochs_ = snapshot_.fit_epochs;
  step_.baseline = snapshot_.baseline;
}

void Trainer::prepare(std::size_t batch_rows) {
  make_workspace(batch_rows);
  workspace_->precision = spec_.precision;
}

void Trainer::make_workspace(std::size_t batch_rows) {
  if (gradients_.size() == 0) gradients_ = AlignedFloats(model_.parameters().size());
  const std::size_t draws = model_.spec().objective.samples;
  if (has_workspace(batch_rows)) {
    refresh_likelihood(model_, *workspace_);
    return;
  }
  // Before another is made, so that there are never two.
  workspace_ = nullptr;
  coupling_ = nullptr;
  workspace_ = std::make_unique<Workspace>(model_, batch_rows, draws, true);
  if (couples_rows(model_.spec().objective)) coupling_ = std::make_unique<Coupling>(model_, batch_rows, draws);
  tiles_.clear();
  ConstPanels inp = workspace_->input;
  const ZerosTable* zeros = &workspace_->zeros;
  for (std::size_t i = 0; i < model_.encoder.size(); ++i) {
    add_tiles(model_.encoder[i], inp, zeros, workspace_->encoder[i].dout, 1);
    inp = workspace_->encoder[i].out;
    zeros = &workspace_->encoder[i].zeros;
  }
  for (std::size_t i = 0; i < model_.latents.size(); ++i) {
    const LatentGroup& group = model_.latents[i];
    const LatentActivity& activity = workspace_->latents[i];
    for (std::size_t j = 0; j < group.heads.size(); ++j) {
      add_tiles(group.heads[j], inp, zeros, activity.heads[j].dout, 1);
    }
    if (group.prior_parameters > 0) {
      const std::size_t of_datum = needs_densities(model_.spec()) ? draws : 1;
      tiles_.push_back({.kind = Tile::Kind::prior, .group = &group, .dout = activity.dprior, .draws = of_datum});
    }
  }
  inp = workspace_->z;
  zeros = nullptr;
  for (std::size_t i = 0; i < model_.decoder.size(); ++i) {
    add_tiles(model_.decoder[i], inp, zeros, workspace_->decoder[i].dout, draws);
    inp = workspace_->decoder[i].out;
    zeros = &workspace_->decoder[i].zeros;
  }
  for (std::size_t i = 0; i < model_.heads.size(); ++i) {
    add_tiles(model_.heads[i], inp, zeros, workspace_->heads[i], draws);
  }
  if (model_.shared_log_dispersions > 0) {
    tiles_.push_back({.kind = Tile::Kind::dispersion, .dout = workspace_->heads.back(), .draws = draws});
  }
  squares_.assign(tiles_.size(), 0.0);
}

std::size_t Trainer::tile_rows(const DenseLayer& layer) {
  return active_gemm() == Gemm::builtin ? matrix_width(layer.in) : WIDE_TILE_ROWS;
}

double Trainer::bytes_to_train(std::size_t rows) const {
  const std::size_t batch = std::min(spec_.batch_size, rows), draws = model_.spec().objective.samples;
  const std::size_t size = model_.parameters().size();
  double bytes = static_cast<double>(rows) * sizeof(std::uint32_t);  // shuffled()
  const double arena = static_cast<double>(size) * sizeof(float);
  if (gradients_.size() == 0) bytes += arena;
  if (!has_workspace(batch)) {
    bytes += Workspace::bytes(model_, batch, draws, true);
    if (couples_rows(model_.spec().objective)) bytes += Coupling::bytes(model_, batch, draws);
    double tiles = 0.0;
    for_each_dense(model_, [&](const DenseLayer& layer) {
      const std::size_t step = tile_rows(layer), width = matrix_width(layer.out);
      tiles += static_cast<double>((layer.in + step - 1) / step) * static_cast<double>((layer.out + width - 1) / width);
    });
    // A vector that grows holds what it had beside twice of it.
    bytes += tiles * static_cast<double>(3 * sizeof(Tile) + sizeof(double));
  }
  if (optimizer_prepared_) return bytes;
  if (snapshot_.parameters.size() == 0) bytes += arena;
  return bytes + optimizer_.bytes_to_configure(spec_.optimizer, size) +
         snapshot_.optimizer.bytes_to_configure(spec_.optimizer, size);
}

void Trainer::add_tiles(const DenseLayer& layer, ConstPanels inp, const ZerosTable* zeros, ConstPanels dout,
                        std::size_t draws) {
  const std::size_t width = matrix_width(layer.out);
  const std::size_t step = tile_rows(layer);
  for (std::size_t first = 0; first < layer.in; first += step) {
    for (std::size_t panel = 0; panel * width < layer.out; ++panel) {
      tiles_.push_back({.kind = Tile::Kind::weight,
                        .layer = &layer,
                        .inp = inp,
                        .dout = dout,
                        .draws = draws,
                        .first_row = first,
                        .rows = std::min(step, layer.in - first),
                        .panel = panel,
                        .cols = std::min(width, layer.out - panel * width),
                        .zeros = zeros});
    }
  }
}

std::vector<std::uint32_t> Trainer::shuffled(std::size_t rows) const {
  std::vector<std::uint32_t> order(rows);
  std::iota(order.begin(), order.end(), 0u);
  if (!spec_.shuffle) return order;
  // Fisher and Yates; word i of the epoch's stream decides who changes places with element i.
  const auto epoch = static_cast<std::uint32_t>(model_.epochs_trained);
  Philox block{};
  for (std::size_t i = rows; i-- > 1;) {
    if (i % 4 == 3 || i + 1 == rows) {
      block = philox(model_.spec().seed, Purpose::shuffle, epoch, 0, static_cast<std::uint32_t>(i / 4));
    }
    const std::uint64_t choice = (static_cast<std::uint64_t>(block.word[i % 4]) * (i + 1)) >> 32;
    std::swap(order[i], order[choice]);
  }
  return order;
}

void Trainer::load_task(const Examples& examples, const Batch& batch, std::size_t first, std::size_t count) {
  Workspace& workspace = *workspace_;
  const std::size_t L = workspace.draws(), N = model_.noise_width;
  const std::uint64_t seed = model_.spec().seed;
  const Preparation preparation{seed, true, static_cast<std::uint32_t>(model_.epochs_trained), true, batch.step};
  load_rows(model_, workspace, examples, preparation, batch.index == nullptr ? nullptr : batch.index + first, first,
            first, count);
  for (std::size_t i = 0; i < model_.latents.size(); ++i) {
    const LatentGroup& group = model_.latents[i];
    const Panels noise = workspace.latents[i].epsilon.from_row(first * L);
    if (batch.epsilon == nullptr) {
      latent_noise(noise, group.spec, count * L, seed, Purpose::epsilon, batch.step,
                   static_cast<std::uint32_t>(first * L), static_cast<std::uint32_t>(i));
      continue;
    }
    for (std::size_t r = 0; r < count * L; ++r) {
      for (std::size_t c = 0; c < group.noise_width; ++c) {
        noise.at(r, c) = batch.epsilon[(first * L + r) * N + group.first_noise + c];
      }
    }
  }
}

bool Trainer::rows_pass(const Examples& examples, const Batch& batch, std::size_t rows, ThreadPool& pool,
                        const std::atomic<bool>* cancelled) {
  const auto is_cancelled = [&] { return cancelled != nullptr && cancelled->load(std::memory_order_relaxed); };
  const std::size_t tasks = (rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK;
  const auto for_each_task = [&](auto body) {
    pool.run(tasks, [&](std::size_t task, std::size_t) {
      if (is_cancelled()) return;
      const std::size_t first = task * ROWS_PER_TASK;
      body(first, std::min(ROWS_PER_TASK, rows - first));
    });
    return !is_cancelled();
  };
  if (coupling_ == nullptr) {
    return for_each_task([&](std::size_t first, std::size_t count) {
      load_task(examples, batch, first, count);
      forward_rows(model_, *workspace_, step_, first, count);
      backward_rows(model_, *workspace_, step_, nullptr, first, count, rows);
    });
  }
  if (!for_each_task([&](std::size_t first, std::size_t count) {
        load_task(examples, batch, first, count);
        forward_rows(model_, *workspace_, step_, first, count);
      })) {
    return false;
  }
  coupling_->couple(*workspace_, step_, rows, examples.rows(), batch.step, pool);
  return for_each_task([&](std::size_t first, std::size_t count) {
    backward_rows(model_, *workspace_, step_, coupling_.get(), first, count, rows);
  });
}

Terms Trainer::terms(std::size_t rows) const {
  const ObjectiveSpec& objective = model_.spec().objective;
  Terms terms = batch_terms(objective, step_, workspace_->reconstruction.data(), workspace_->kl.data(),
                            workspace_->bound.data(), rows, workspace_->draws());
  if (coupling_ != nullptr) terms.loss += coupling_->addition();
  // What no gradient depends on is left to the end.
  if (model_.scales_target()) {
    terms.reconstruction += model_.log_volume();
    terms.loss += step_.reconstruction * model_.log_volume();
  }
  return terms;
}

// The stretches of the arena that a tile covers.
template <typename Visit>
void Trainer::for_each_stretch(const Tile& tile, Visit visit) {
  if (tile.kind == Tile::Kind::dispersion) return visit(model_.shared_log_dispersion, model_.shared_log_dispersions);
  if (tile.kind == Tile::Kind::prior) return visit(tile.group->prior, tile.group->prior_parameters);
  const DenseLayer& layer = *tile.layer;
  const std::size_t width = matrix_width(layer.out);
  visit(layer.weight + (tile.panel * layer.in + tile.first_row) * width, tile.rows * width);
  if (tile.first_row == 0) visit(layer.bias + tile.panel * width, width);
}

void Trainer::tile_gradient(const Tile& tile, std::size_t rows) {
  const std::size_t R = rows * tile.draws;
  if (tile.kind == Tile::Kind::prior) {
    column_sums(gradients_.data() + tile.group->prior, tile.dout, R, tile.group->prior_parameters);
  } else if (tile.kind == Tile::Kind::dispersion) {
    const bool weighted = is_importance_weighted(model_.spec().objective);
    // Weights of the draws add up to 1 for each datum, where all alike would be 1/L each.
    const auto count = static_cast<double>(weighted ? rows : R);
    const auto scale = static_cast<float>(step_.reconstruction / count);
    shared_log_dispersion_backward(gradients_.data() + model_.shared_log_dispersion, model_.spec().likelihood,
                                   model_.shared_log_dispersion_raw(), workspace_->shared_log_dispersion, tile.dout,
                                   scale, weighted ? workspace_->draw_weight : nullptr, R, model_.spec().input);
  } else {
    const DenseLayer& layer = *tile.layer;
    const Panels dweight = model_.weight(gradients_.data(), layer).from_panel(tile.panel).from_row(tile.first_row);
    ConstPanels inp = tile.inp.from_panel(tile.first_row / tile.inp.width);
    inp.data += tile.first_row % tile.inp.width;
    const ConstPanels dout = tile.dout.from_panel(tile.panel);
    const Zeros all = tile.zeros == nullptr ? Zeros{} : tile.zeros->of_columns(R);
    const Zeros zeros = all.from_panel(tile.first_row / inp.width, inp.width);
    dense_backward_weight(dweight, inp, dout, R, tile.rows, tile.cols, zeros, workspace_->precision_of(layer));
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
  if (tile.kind != Tile::Kind::weight || !tile.layer->backward_input || !wants_transposed_copy()) return;
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

Terms Trainer::epoch(const Examples& examples, ThreadPool& pool, const std::atomic<bool>& cancelled,
                     const EpochEvents& events) {
  try {
    if (wants_scale(model_)) {
      before_scaling_ = learn_scale(model_, examples.data, pool, cancelled);
    }
    return steps(examples, pool, cancelled, events);
  } catch (...) {
    if (!snapshot_.taken) forget_new_scale();
    throw;
  }
}

void Trainer::forget_new_scale() {
  if (!before_scaling_) return;
  forget_scale(model_, *before_scaling_);
  before_scaling_.reset();
}

Terms Trainer::steps(const Examples& examples, ThreadPool& pool, const std::atomic<bool>& cancelled,
                     const EpochEvents& events) {
  const std::size_t rows = examples.rows();
  const std::size_t batch_size = std::min(spec_.batch_size, rows);
  const std::size_t batches = (rows + batch_size - 1) / batch_size;
  prepare(batch_size);
  prepare_optimizer();
  const auto diverged = [&](std::size_t batch) {
    const std::size_t of_batch = std::min(batch_size, rows - batch * batch_size);
    const Diverged error(model_.epochs_trained + 1, batch + 1, far_cell(model_, *workspace_, of_batch));
    restore_snapshot();
    forget_new_scale();
    return error;
  };

  const std::vector<std::uint32_t> order = shuffled(rows);
  Terms total;
  for (std::size_t batch = 0; batch < batches; ++batch) {
    if (cancelled.load(std::memory_order_relaxed)) throw Cancelled();
    if (events.batch_begin) events.batch_begin(batch);
    const std::size_t first = batch * batch_size, count = std::min(batch_size, rows - first);
    const double step = 1.0 / static_cast<double>(batches), done = static_cast<double>(batch) * step;
    step_.begin(model_.spec(), count, static_cast<double>(model_.epochs_trained) + done);
    if (!rows_pass(examples, {order.data() + first, nullptr, model_.steps_trained}, count, pool, &cancelled)) {
      throw Cancelled();
    }
    const Terms terms = this->terms(count);
    if (!std::isfinite(terms.loss)) throw diverged(batch);
    if (batch == 0) {
      // Returning to an epoch that found the scale learned keeps it.
      if (snapshot_.taken) before_scaling_.reset();
      take_snapshot();
    }
    optimizer_.begin_step(schedule_factor(spec_.schedule, fit_epochs_ + done, step));
    weights_pass(count, pool);
    refresh_likelihood(model_, *workspace_);
    update_baseline(count);
    ++model_.steps_trained;
    add(total, terms);
    if (events.batch_end) events.batch_end(batch, terms);
    if (events.between_steps) events.between_steps();
  }
  // The last update has no next step to show that it went wrong.
  if (!model_.parameters_are_finite()) throw diverged(batches - 1);
  fit_epochs_ += 1.0;
  ++model_.epochs_trained;
  return average(total);
}

void Trainer::update_baseline(std::size_t rows) {
  const ObjectiveSpec& objective = model_.spec().objective;
  if (objective.estimator != Estimator::scoreFunction || objective.baseline != Baseline::movingAverage) return;
  score_function_update(step_.baseline, workspace_->draw_loss.data(), objective.baseline_decay, rows,
                        workspace_->draws());
}

Terms Trainer::gradient(const Examples& examples, ThreadPool& pool, const float* epsilon, std::uint32_t step) {
  const std::size_t rows = examples.rows();
  prepare(rows);
  step_.begin(model_.spec(), rows, static_cast<double>(model_.epochs_trained));
  rows_pass(examples, {nullptr, epsilon, step}, rows, pool, nullptr);
  const double clip_value = spec_.clip_value;
  spec_.clip_value = 0.0;
  pool.run(tiles_.size(), [&](std::size_t i, std::size_t) { tile_gradient(tiles_[i], rows); });
  spec_.clip_value = clip_value;
  return terms(rows);
}

}  // namespace aevb
