#include "train/coupling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "latent/latent.h"
#include "math/columns.h"
#include "math/gemm.h"
#include "math/panel_ops.h"
#include "model/forward.h"
#include "model/prior_sample.h"
#include "objective/mmd.h"
#include "objective/total_correlation.h"

namespace aevb {

namespace {

// Rows of a task that compares its own with all others.
constexpr std::size_t COUPLED_ROWS = 32;

}  // namespace

Coupling::Sizes Coupling::sizes(const Model& model, std::size_t rows, std::size_t draws) {
  const ObjectiveSpec& objective = model.spec().objective;
  const bool discrepancy = objective.mmd > 0.0, correlation = objective.total_correlation > 0.0;
  if (!discrepancy && !correlation) return {};
  const std::size_t R = rows * draws, Z = model.layout().latent_width, width = matrix_width(Z);
  return {cache_lines(panel_count(Z, width) * width * R), discrepancy ? cache_lines(mmd_table_floats(R, Z)) : 0,
          correlation ? cache_lines(total_correlation_table_floats(R, rows, Z)) : 0,
          cache_lines(std::max(discrepancy ? mmd_scratch_floats(R) : 0,
                               correlation ? total_correlation_scratch_floats(R, rows, Z) : 0)),
          (R + COUPLED_ROWS - 1) / COUPLED_ROWS};
}

double Coupling::Sizes::floats() const {
  return 2.0 * static_cast<double>(panels) + static_cast<double>(mmd_tables) + static_cast<double>(tables) +
         static_cast<double>(tasks) * static_cast<double>(scratch);
}

double Coupling::bytes(const Model& model, std::size_t rows, std::size_t draws) {
  const double value = static_cast<double>(rows) * static_cast<double>(draws);
  return static_cast<double>(sizeof(double)) * value +
         static_cast<double>(sizeof(float)) * sizes(model, rows, draws).floats();
}

Coupling::Coupling(const Model& model, std::size_t rows, std::size_t draws) : model_(model), draws_(draws) {
  const std::size_t R = rows * draws, Z = model.layout().latent_width, width = matrix_width(Z);
  for (const LatentGroup& group : model.latents()) mean_kl_.emplace_back(latent_dimensions(group.spec));
  value_.resize(R);
  const Sizes floats = sizes(model, rows, draws);
  scratch_floats_ = floats.scratch;
  if (floats.panels == 0) return;
  memory_ = AlignedFloats(static_cast<std::size_t>(floats.floats()));
  dz_ = {memory_.data(), R * width, width};
  prior_ = {memory_.data() + floats.panels, R * width, width};
  tables_ = memory_.data() + 2 * floats.panels;
  correlation_tables_ = tables_ + floats.mmd_tables;
  scratch_ = correlation_tables_ + floats.tables;
}

template <typename Body>
void Coupling::for_each_stretch(std::size_t R, ThreadPool& pool, Body body) const {
  pool.run((R + COUPLED_ROWS - 1) / COUPLED_ROWS, [&](std::size_t task, std::size_t) {
    const std::size_t first = task * COUPLED_ROWS;
    body(first, std::min(COUPLED_ROWS, R - first), scratch_ + task * scratch_floats_);
  });
}

void Coupling::couple(const Workspace& workspace, Step& step, std::size_t rows, std::size_t data_rows,
                      std::uint32_t training_step, ThreadPool& pool) {
  const ObjectiveSpec& objective = model_.spec().objective;
  addition_ = 0.0;
  rows_ = rows;
  if (objective.free_bits != FreeBits::none || objective.capacity_weight > 0.0) {
    weigh_divergence(workspace, step, rows);
  }
  if (dz_.data == nullptr) return;
  const std::size_t R = rows * draws_;
  clear(dz_, R, model_.layout().latent_width);
  if (objective.mmd > 0.0) discrepancy(workspace, R, training_step, pool);
  if (objective.total_correlation > 0.0) total_correlation(workspace, rows, data_rows, pool);
}

void Coupling::weigh_divergence(const Workspace& workspace, Step& step, std::size_t rows) {
  const ObjectiveSpec& objective = model_.spec().objective;
  const bool densities = needs_densities(model_.spec());
  const auto count = static_cast<double>(rows);
  double total = 0.0;
  for (std::size_t i = 0; i < mean_kl_.size(); ++i) {
    const LatentMemory& memory = workspace.latents[i];
    std::vector<double>& mean = mean_kl_[i];
    std::fill(mean.begin(), mean.end(), 0.0);
    if (densities) {
      // Densities of draws belong to the whole group, not to its dimensions: they are summed in its first.
      for (std::size_t r = 0; r < rows * draws_; ++r) mean[0] += memory.log_posterior[r] - memory.log_prior[r];
      mean[0] /= static_cast<double>(draws_);
    } else {
      for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t d = 0; d < mean.size(); ++d) mean[d] += memory.kl[row * mean.size() + d];
      }
    }
    for (double& value : mean) value /= count;
    total += std::accumulate(mean.begin(), mean.end(), 0.0);
  }
  if (objective.capacity_weight > 0.0) {
    const double sign = total > step.capacity ? 1.0 : total < step.capacity ? -1.0 : 0.0;
    for (std::vector<float>& weights : step.kl_weight) {
      std::fill(weights.begin(), weights.end(), static_cast<float>(objective.capacity_weight * sign / count));
    }
    addition_ += objective.capacity_weight * std::abs(total - step.capacity) - step.beta * total;
    return;
  }
  const double free_nats = objective.free_nats;
  for (std::size_t i = 0; i < mean_kl_.size(); ++i) {
    const std::vector<double>& mean = mean_kl_[i];
    std::vector<float>& weights = step.kl_weight[i];
    if (objective.free_bits == FreeBits::group) {
      const double of_group = std::accumulate(mean.begin(), mean.end(), 0.0);
      // If the divergence is not a number, nothing is free: it must be seen in the loss.
      if (of_group <= free_nats) std::fill(weights.begin(), weights.end(), 0.0f);
      addition_ += step.beta * (std::max(of_group, free_nats) - of_group);
      continue;
    }
    for (std::size_t d = 0; d < mean.size(); ++d) {
      if (mean[d] <= free_nats) weights[d] = 0.0f;
      addition_ += step.beta * (std::max(mean[d], free_nats) - mean[d]);
    }
  }
}

void Coupling::discrepancy(const Workspace& workspace, std::size_t R, std::uint32_t training_step, ThreadPool& pool) {
  const ModelSpec& spec = model_.spec();
  const std::size_t Z = model_.layout().latent_width;
  sample_prior(prior_, model_, spec.seed, Purpose::discrepancy, training_step, 0, R);
  mmd_tables(tables_, workspace.z, prior_, R, Z);
  for_each_stretch(R, pool, [&](std::size_t first, std::size_t count, float* scratch) {
    mmd_rows(value_.data(), dz_, tables_, static_cast<float>(spec.objective.mmd), scratch, first, count, R, Z);
  });
  addition_ +=
      spec.objective.mmd * std::accumulate(value_.begin(), value_.begin() + static_cast<std::ptrdiff_t>(R), 0.0);
}

void Coupling::total_correlation(const Workspace& workspace, std::size_t rows, std::size_t data_rows,
                                 ThreadPool& pool) {
  const LatentGroup& group = model_.latents()[0];
  const HeadViews heads(workspace.latents[0], 0);
  const double weight = model_.spec().objective.total_correlation;
  const std::size_t R = rows * draws_, Z = group.width;
  const auto scale = static_cast<float>(weight / static_cast<double>(R));
  total_correlation_tables(correlation_tables_, group.spec.type, workspace.z, heads.out[0], heads.out[1], R, rows, Z);
  for_each_stretch(R, pool, [&](std::size_t first, std::size_t count, float* scratch) {
    total_correlation_rows(value_.data(), dz_, correlation_tables_, group.spec.type, scale, data_rows, scratch, first,
                           count, R, rows, Z);
  });
  addition_ += weight * std::accumulate(value_.begin(), value_.begin() + static_cast<std::ptrdiff_t>(R), 0.0) /
               static_cast<double>(R);
}

void Coupling::backward_z(Panels dz, const LatentGroup& group, std::size_t first, std::size_t count) const {
  if (dz_.data == nullptr) return;
  take_columns_add(dz, dz_.from_row(first * draws_), group.z_offset, count * draws_, group.width);
}

void Coupling::backward_heads(const Panels* dheads, Rows rows) const {
  const auto [first, count, task, begins] = rows;
  const double weight = model_.spec().objective.total_correlation;
  if (weight <= 0.0) return;
  const LatentGroup& group = model_.latents()[0];
  const std::size_t R = rows_ * draws_;
  // The views begin at this task's first row, and the function counts from the batch's.
  const auto from_first_row = [&](Panels rows) {
    return Panels{rows.data - first * rows.width, rows.stride, rows.width};
  };
  total_correlation_heads(from_first_row(dheads[0]), from_first_row(dheads[1]), correlation_tables_, group.spec.type,
                          static_cast<float>(weight / static_cast<double>(R)), scratch_ + task * scratch_floats_, first,
                          count, R, rows_, group.width);
}

}  // namespace aevb
