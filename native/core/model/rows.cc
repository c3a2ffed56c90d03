#include "model/rows.h"

#include "data/binarize.h"
#include "data/corruption.h"
#include "data/dataset.h"
#include "data/one_hot.h"
#include "likelihood/likelihood.h"
#include "math/columns.h"
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

}  // namespace

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
  const LikelihoodSpec& likelihood = spec.likelihood;
  const Panels target = workspace.target.from_row(first), input = workspace.input.from_row(first);
  if (likelihood.codes) {
    const Panels codes = workspace.codes.from_row(first);
    fetch(codes, examples.data, Scale::integer, index, from, count);
    one_hot(target, 0, codes, likelihood.classes, count);
  } else {
    fetch(target, examples.data, byte_scale(likelihood_domain(likelihood)), index, from, count);
  }
  if (likelihood.binarize == Binarize::threshold ||
      (likelihood.binarize == Binarize::stochastic && preparation.binarize)) {
    binarize(target, target, likelihood.binarize, preparation.seed, preparation.epoch, index,
             static_cast<std::uint32_t>(from), count, spec.input);
  }
  scale_target(model, target, count);
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
  if (spec.condition.width > 0) {
    load_condition(model, workspace, *examples.condition, index, from, first, count);
    place_columns(input, spec.input, workspace.condition.from_row(first), count, spec.condition.width);
  }
}

}  // namespace aevb
