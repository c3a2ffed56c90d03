#include "model/rows.h"

#include <optional>
#include <vector>

#include "data/binarize.h"
#include "data/corruption.h"
#include "data/dataset.h"
#include "data/one_hot.h"
#include "likelihood/likelihood.h"
#include "math/columns.h"
#include "math/missing.h"
#include "model/likelihood_rows.h"
#include "model/scaling.h"

namespace aevb {

namespace {

void fetch(Panels out, const Dataset& data, Scale scale, const std::uint32_t* index, std::size_t from,
           std::size_t count) {
  if (index != nullptr) {
    data.gather(out, index, count, scale);
  } else {
    data.copy(out, from, count, scale);
  }
}

// The columns of the only part, before any scaling.
void load_part(const LikelihoodPart& part, Panels out, Panels codes, const Dataset& data, const std::uint32_t* index,
               std::size_t from, std::size_t count) {
  if (part.spec.codes) {
    fetch(codes, data, Scale::integer, index, from, count);
    one_hot(out, 0, codes, part.spec.classes, count);
  } else {
    fetch(out, data, byte_scale(likelihood_domain(part.spec)), index, from, count);
  }
}

// The workspace's target from row `first` on, binarised if asked, in the data's units.
void load_target(const Model& model, Workspace& workspace, const Dataset& data, const Preparation& preparation,
                 const std::uint32_t* index, std::size_t from, std::size_t first, std::size_t count) {
  const std::vector<LikelihoodPart>& parts = model.likelihoods();
  const Panels target = workspace.target.from_row(first);
  const auto binarized = [&](const LikelihoodPart& part, Panels x, std::uint64_t seed) {
    const Binarize how = part.spec.binarize;
    if (how == Binarize::none || (how == Binarize::stochastic && !preparation.binarize)) return;
    binarize(x, x, how, seed, preparation.epoch, index, static_cast<std::uint32_t>(from), count, part.columns);
  };
  if (parts.size() == 1 && !parts[0].spec.missing) {
    const Panels codes = parts[0].spec.codes ? workspace.raw.from_row(first) : Panels{};
    load_part(parts[0], target, codes, data, index, from, count);
    return binarized(parts[0], target, preparation.seed);
  }
  const Panels raw = workspace.raw.from_row(first);
  std::optional<Scale> fetched;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const LikelihoodPart& part = parts[i];
    const Scale scale = part.spec.codes ? Scale::integer : byte_scale(likelihood_domain(part.spec));
    if (!fetched || (data.holds_bytes() && *fetched != scale)) fetch(raw, data, scale, index, from, count);
    fetched = scale;
    if (part.spec.codes) {
      const Panels codes = workspace.part_codes[i].from_row(first);
      take_columns(codes, raw, part.data_offset, count, part.data_columns);
      if (part.spec.missing) {
        find_missing(workspace.likelihoods[i].present.from_row(first), codes, count, part.data_columns);
      }
      one_hot(target, part.offset, codes, part.spec.classes, count);
    } else {
      const Panels x = workspace.likelihoods[i].target.from_row(first);
      take_columns(x, raw, part.data_offset, count, part.columns);
      if (part.spec.missing) find_missing(workspace.likelihoods[i].present.from_row(first), x, count, part.columns);
      binarized(part, x, seed_of_part(preparation.seed, i));
      place_columns(target, part.offset, x, count, part.columns);
    }
  }
}

// What missing cells of the target hold, whatever scaling has made of them.
void fill_target(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  for (std::size_t i = 0; i < model.likelihoods().size(); ++i) {
    const LikelihoodPart& part = model.likelihoods()[i];
    // A missing code is class 0.
    if (!part.spec.missing || part.spec.codes) continue;
    fill_missing(workspace.target.from_row(first), part.offset, workspace.likelihoods[i].present.from_row(first),
                 missing_target(part.spec), count, part.columns);
  }
}

// The encoder sees 0 in place of a missing cell, and beside x which cells are present.
void mask_input(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  const Panels input = workspace.input.from_row(first);
  for (std::size_t i = 0; i < model.likelihoods().size(); ++i) {
    const LikelihoodPart& part = model.likelihoods()[i];
    if (!part.spec.missing) continue;
    const Panels present = workspace.likelihoods[i].present.from_row(first);
    if (part.spec.codes) {
      fill_missing_classes(input, part.offset, present, part.spec.classes, 0.0f, 0.0f, count);
    } else {
      fill_missing(input, part.offset, present, 0.0f, count, part.columns);
    }
    place_columns(input, model.spec().input + part.present_offset, present, count, part.data_columns);
  }
}

}  // namespace

std::optional<BadCell> check_rows(const Dataset& data, const std::vector<LikelihoodPart>& parts) {
  std::optional<BadCell> first;
  for (const LikelihoodPart& part : parts) {
    const auto bad = data.check(likelihood_domain(part.spec), part.spec.classes, part.data_offset, part.data_columns,
                                part.spec.missing);
    if (bad && (!first || bad->row < first->row)) first = bad;
  }
  return first;
}

void share_target(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  const std::vector<LikelihoodPart>& parts = model.likelihoods();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const LikelihoodMemory& memory = workspace.likelihoods[i];
    if (memory.target.data == workspace.target.data) continue;
    take_columns(memory.target.from_row(first), workspace.target.from_row(first), parts[i].offset, count,
                 parts[i].columns);
  }
}

void load_condition(const Model& model, Workspace& workspace, const Dataset& condition, const std::uint32_t* index,
                    std::size_t from, std::size_t first, std::size_t count) {
  const ConditionSpec& spec = model.spec().condition;
  const Panels out = workspace.condition.from_row(first);
  if (spec.classes) {
    const Panels codes = workspace.condition_code.from_row(first);
    fetch(codes, condition, Scale::integer, index, from, count);
    one_hot(out, 0, codes, workspace.condition_classes, count);
  } else {
    fetch(out, condition, Scale::unit, index, from, count);
  }
}

void load_rows(const Model& model, Workspace& workspace, const Examples& examples, const Preparation& preparation,
               const std::uint32_t* index, std::size_t from, std::size_t first, std::size_t count) {
  const ModelSpec& spec = model.spec();
  const Panels target = workspace.target.from_row(first), input = workspace.input.from_row(first);
  load_target(model, workspace, examples.data, preparation, index, from, first, count);
  scale_target(model, target, count);
  fill_target(model, workspace, first, count);
  share_target(model, workspace, first, count);
  const bool corrupted = preparation.corrupt && spec.corruption.type != CorruptionType::none;
  if (model.scales_counts()) {
    const Panels clean = corrupted ? workspace.scaled.from_row(first) : input;
    scale_counts(model, clean, target, count);
    if (corrupted) {
      corrupt(input, clean, spec.corruption, preparation.seed, preparation.step, static_cast<std::uint32_t>(first),
              count, spec.input);
    }
  } else if (corrupted) {
    corrupt(input, target, spec.corruption, preparation.seed, preparation.step, static_cast<std::uint32_t>(first),
            count, spec.input);
  } else if (input.data != target.data) {
    place_columns(input, 0, target, count, spec.input);
  }
  mask_input(model, workspace, first, count);
  if (spec.condition.width > 0) {
    load_condition(model, workspace, *examples.condition, index, from, first, count);
    place_columns(input, spec.input + model.layout().mask_columns, workspace.condition.from_row(first), count,
                  spec.condition.width);
  }
}

}  // namespace aevb
