#include "model/likelihood_rows.h"

#include <algorithm>

#include "likelihood/likelihood.h"
#include "math/columns.h"
#include "math/panel_ops.h"
#include "model/scaling.h"

namespace aevb {

namespace {

// A part's heads from row `row` on.
struct HeadRows {
  Panels heads[MOST_LIKELIHOOD_PANELS];

  HeadRows(const LikelihoodMemory& memory, std::size_t row) : heads{} {
    for (std::size_t i = 0; i < memory.heads.size(); ++i) heads[i] = memory.heads[i].from_row(row);
  }
};

// Which cells of the rows are present, once the heads of the others are neutral.
ConstPanels present_rows(const LikelihoodPart& part, const LikelihoodMemory& memory, const HeadRows& rows,
                         std::size_t first, std::size_t count, std::size_t L) {
  if (!part.spec.missing) return {};
  const ConstPanels present = memory.present.from_row(first);
  neutralize_missing(part.spec, rows.heads, present, count, L, part.columns);
  return present;
}

// Calls body(part, its memory, where its losses go) and adds the losses of several parts.
template <typename Body>
void each_loss(const Model& model, Workspace& workspace, std::size_t first, std::size_t count, Body body) {
  const std::size_t L = workspace.draws(), row = first * L, R = count * L;
  double* total = workspace.reconstruction.data() + row;
  const std::vector<LikelihoodPart>& parts = model.likelihoods();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    LikelihoodMemory& memory = workspace.likelihoods[i];
    double* loss = parts.size() == 1 ? total : memory.loss.data() + row;
    body(parts[i], memory, loss);
    if (parts.size() == 1) return;
    for (std::size_t r = 0; r < R; ++r) total[r] = i == 0 ? loss[r] : total[r] + loss[r];
  }
}

// From the parts' first heads to rows of the data's columns and units.
Panels joined(const Model& model, Workspace& workspace, std::size_t count) {
  const std::vector<LikelihoodPart>& parts = model.likelihoods();
  const Panels all = parts.size() == 1 ? workspace.likelihoods[0].heads[0] : workspace.decoded;
  for (std::size_t i = 0; parts.size() > 1 && i < parts.size(); ++i) {
    place_columns(all, parts[i].offset, workspace.likelihoods[i].heads[0], count, parts[i].columns);
  }
  unscale(model, all, count);
  return all;
}

const double* trials_of_part(const Trials& trials, std::size_t i) {
  return trials.empty() || trials[i].empty() ? nullptr : trials[i].data();
}

}  // namespace

std::uint64_t seed_of_part(std::uint64_t seed, std::size_t part) {
  // An odd number far from the small ones that seeds are: 2⁶⁴ over the golden ratio.
  return seed + part * std::uint64_t{0x9E3779B97F4A7C15};
}

void likelihood_loss(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  const std::size_t L = workspace.draws();
  each_loss(model, workspace, first, count, [&](const LikelihoodPart& part, LikelihoodMemory& memory, double* loss) {
    const HeadRows rows(memory, first * L);
    const ConstPanels present = present_rows(part, memory, rows, first, count, L);
    likelihood_forward(loss, part.spec, rows.heads, memory.shared_log_dispersion, memory.target.from_row(first), count,
                       L, part.columns, present);
  });
}

double log_volume_of_row(const Model& model, const Workspace& workspace, std::size_t part, std::size_t row) {
  const LikelihoodPart& own = model.likelihoods()[part];
  if (!own.spec.missing || own.spec.codes) return model.part_log_volume(part);
  double sum = 0.0;
  for (std::size_t d = 0; d < own.columns; ++d) {
    if (workspace.likelihoods[part].present.at(row, d) != 0.0f) sum += model.column_log_volume(own.offset + d);
  }
  return sum;
}

double log_volume_of_row(const Model& model, const Workspace& workspace, std::size_t row) {
  if (model.layout().mask_columns == 0) return model.log_volume();
  double sum = 0.0;
  for (std::size_t i = 0; i < model.likelihoods().size(); ++i) sum += log_volume_of_row(model, workspace, i, row);
  return sum;
}

void add_log_volume(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  if (!model.scales_target()) return;
  const std::size_t L = workspace.draws();
  for (std::size_t row = first; row < first + count; ++row) {
    const double all = log_volume_of_row(model, workspace, row);
    for (std::size_t r = row * L; r < (row + 1) * L; ++r) workspace.reconstruction[r] += all;
    for (std::size_t i = 0; model.likelihoods().size() > 1 && i < model.likelihoods().size(); ++i) {
      const double own = log_volume_of_row(model, workspace, i, row);
      for (std::size_t r = row * L; r < (row + 1) * L; ++r) workspace.likelihoods[i].loss[r] += own;
    }
  }
}

void likelihood_gradient(const Model& model, Workspace& workspace, float scale, std::size_t first, std::size_t count) {
  const std::size_t L = workspace.draws();
  each_loss(model, workspace, first, count, [&](const LikelihoodPart& part, LikelihoodMemory& memory, double* loss) {
    const HeadRows rows(memory, first * L);
    const ConstPanels present = present_rows(part, memory, rows, first, count, L);
    likelihood_forward_backward(loss, part.spec, rows.heads, memory.shared_log_dispersion,
                                memory.target.from_row(first), scale, count, L, part.columns, present);
  });
}

void scale_likelihood_gradient(const Model& model, Workspace& workspace, const float* weight, float scale,
                               std::size_t first, std::size_t count) {
  const std::size_t L = workspace.draws();
  for (std::size_t i = 0; i < model.likelihoods().size(); ++i) {
    const LikelihoodPart& part = model.likelihoods()[i];
    const LikelihoodMemory& memory = workspace.likelihoods[i];
    for (std::size_t j = 0; j < memory.heads.size(); ++j) {
      const std::size_t units = j < part.heads.size() ? part.heads[j].units : part.columns;
      scale_rows(memory.heads[j].from_row(first * L), weight, scale, count * L, units);
    }
  }
}

Trials trials_of(const Model& model, const Workspace& workspace, std::size_t count) {
  Trials trials(model.likelihoods().size());
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const LikelihoodPart& part = model.likelihoods()[i];
    if (!has_given_total(part.spec)) continue;
    trials[i].assign(count, 0.0);
    for (std::size_t row = 0; row < count; ++row) {
      for (std::size_t d = 0; d < part.columns; ++d) {
        trials[i][row] += static_cast<double>(workspace.likelihoods[i].target.at(row, d));
      }
    }
  }
  return trials;
}

Panels likelihood_means(const Model& model, Workspace& workspace, const Trials& trials, std::size_t count) {
  for (std::size_t i = 0; i < model.likelihoods().size(); ++i) {
    const LikelihoodPart& part = model.likelihoods()[i];
    const std::vector<Panels>& heads = workspace.likelihoods[i].heads;
    likelihood_mean(part.spec, heads.data(), count, part.columns);
    const double* of_rows = trials_of_part(trials, i);
    for (std::size_t r = 0; of_rows != nullptr && r < count; ++r) {
      const auto factor = static_cast<float>(of_rows[r]);
      scale_rows(heads[0].from_row(r), &factor, 1.0f, 1, part.columns);
    }
  }
  return joined(model, workspace, count);
}

Panels likelihood_draws(const Model& model, Workspace& workspace, const Trials& trials, std::uint64_t seed,
                        std::size_t row, std::size_t count) {
  for (std::size_t i = 0; i < model.likelihoods().size(); ++i) {
    const LikelihoodPart& part = model.likelihoods()[i];
    const LikelihoodMemory& memory = workspace.likelihoods[i];
    likelihood_draw(memory.heads[0], part.spec, memory.heads.data(), memory.shared_log_dispersion,
                    trials_of_part(trials, i), count, part.columns, seed_of_part(seed, i),
                    static_cast<std::uint32_t>(row));
  }
  return joined(model, workspace, count);
}

}  // namespace aevb
