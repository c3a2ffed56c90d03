#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#include "latent/latent.h"
#include "layers/dense.h"
#include "likelihood/likelihood.h"
#include "math/gemm.h"
#include "math/panel_ops.h"
#include "math/random.h"
#include "optimizer/schedule.h"
#include "optimizer/update.h"
#include "train/backward.h"

namespace aevb {

namespace {

// Below this many floating-point operations a step is over before a second thread has woken.
constexpr double OPERATIONS_WORTH_A_THREAD = 4e6;

}  // namespace

std::size_t sensible_threads(const Model& model, std::size_t rows, std::size_t draws) {
  const double operations =
      model.layout().encoder.operations() + model.layout().decoder.operations() * static_cast<double>(draws);
  const double worth = operations * static_cast<double>(rows) / OPERATIONS_WORTH_A_THREAD;
  const auto cores = static_cast<double>(available_cores());
  return static_cast<std::size_t>(std::clamp(std::floor(worth), 1.0, cores));
}

void Trainer::begin_fit(const TrainSpec& spec) {
  spec_ = spec;
  step_.configure(spec);
  optimizer_prepared_ = false;
  fit_epochs_ = 0.0;
  // If already the first loss is not finite, the data may be to blame: the model stays as it was before the fit.
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
  snapshot_.baseline = step_.baseline();
}

void Trainer::restore_snapshot() {
  if (!snapshot_.taken) return;  // no step of this fit has been taken
  model_.parameters().copy_from(snapshot_.parameters);
  model_.refresh_derived();
  optimizer_.copy_state_from(snapshot_.optimizer);
  model_.epochs_trained = snapshot_.epochs_trained;
  model_.steps_trained = snapshot_.steps_trained;
  fit_epochs_ = snapshot_.fit_epochs;
  step_.baseline() = snapshot_.baseline;
}

double Trainer::bytes_to_train(std::size_t rows) const {
  const std::size_t size = model_.parameters().size();
  const double bytes = static_cast<double>(rows) * sizeof(std::uint32_t) +  // shuffled()
                       step_.bytes_to_prepare(batches_of(rows).largest);
  if (optimizer_prepared_) return bytes;
  const double arena = static_cast<double>(size) * sizeof(float);
  return bytes + (snapshot_.parameters.size() == 0 ? arena : 0.0) +
         optimizer_.bytes_to_configure(spec_.optimizer, size) +
         snapshot_.optimizer.bytes_to_configure(spec_.optimizer, size);
}

Trainer::Batches Trainer::batches_of(std::size_t rows) const {
  const std::size_t size = std::min(spec_.batch_size, rows), rest = rows % size;
  const std::size_t count = rows / size;
  if (rest == 0) return {size, count, size};
  return rest < step_.least_rows().rows ? Batches{size, count, size + rest} : Batches{size, count + 1, size};
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
  const auto [batch_size, batches, largest] = batches_of(rows);
  const Network::LeastRows least = step_.least_rows();
  if (batch_size < least.rows) {
    throw std::invalid_argument(least.name + " needs at least " + std::to_string(least.rows) +
                                " rows in a batch, and a batch has " + std::to_string(batch_size));
  }
  step_.prepare(largest);
  prepare_optimizer();
  const auto diverged = [&](std::size_t batch) {
    const std::size_t of_batch = batch + 1 == batches ? rows - batch * batch_size : batch_size;
    const Diverged error(model_.epochs_trained + 1, batch + 1, far_cell(model_, step_.workspace(), of_batch));
    restore_snapshot();
    forget_new_scale();
    return error;
  };

  const std::vector<std::uint32_t> order = shuffled(rows);
  Terms total;
  const std::size_t parts = model_.likelihoods().size();
  std::vector<double> part_sums(parts > 1 ? parts : 0, 0.0);
  for (std::size_t batch = 0; batch < batches; ++batch) {
    if (cancelled.load(std::memory_order_relaxed)) throw Cancelled();
    if (events.batch_begin) events.batch_begin(batch);
    const std::size_t first = batch * batch_size;
    const std::size_t count = batch + 1 == batches ? rows - first : batch_size;
    const double step = 1.0 / static_cast<double>(batches), done = static_cast<double>(batch) * step;
    const TrainingStep::Batch of_step{order.data() + first, count, nullptr, model_.steps_trained,
                                      static_cast<double>(model_.epochs_trained) + done};
    if (!step_.pass(examples, of_step, pool, &cancelled)) throw Cancelled();
    const Terms terms = step_.terms();
    if (!std::isfinite(terms.loss)) throw diverged(batch);
    if (batch == 0) {
      // Returning to an epoch that found the scale learned keeps it.
      if (snapshot_.taken) before_scaling_.reset();
      take_snapshot();
    }
    optimizer_.begin_step(schedule_factor(spec_.schedule, fit_epochs_ + done, step));
    step_.update(optimizer_, pool);
    ++model_.steps_trained;
    add(total, terms);
    step_.add_parts(part_sums);
    if (events.batch_end) events.batch_end(batch, terms);
    if (events.between_steps) events.between_steps();
  }
  // The last update has no next step to show that it went wrong.
  if (!model_.parameters_are_finite()) throw diverged(batches - 1);
  fit_epochs_ += 1.0;
  ++model_.epochs_trained;
  Terms terms = average(total);
  for (const double sum : part_sums) terms.parts.push_back(sum / static_cast<double>(total.examples));
  return terms;
}

}  // namespace aevb
