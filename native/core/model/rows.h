// Rows of data on their way into a pass: gathered, made binary or one-hot, corrupted, and their condition beside them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "model/model.h"
#include "model/workspace.h"

namespace aevb {

// Data and, of a conditional model, what is known of each row beside it.
struct Examples {
  // Rows without a condition are examples as they are.
  Examples(Dataset of_data, std::optional<Dataset> of_condition = {})
      : data(std::move(of_data)), condition(std::move(of_condition)) {}

  Dataset data;
  std::optional<Dataset> condition;

  std::size_t rows() const { return data.rows(); }
};

// What is drawn on the way.
struct Preparation {
  std::uint64_t seed = 0;
  bool binarize = false;  // a stochastic binarisation is drawn with `epoch`; else values stay between 0 and 1
  std::uint32_t epoch = 0;
  bool corrupt = false;  // with `step`
  std::uint32_t step = 0;
};

// Rows `index`[0, count) of the examples, or from `from` on if index is null, become the workspace's target, input
// and condition from row `first` on.
void load_rows(const Model& model, Workspace& workspace, const Examples& examples, const Preparation& preparation,
               const std::uint32_t* index, std::size_t from, std::size_t first, std::size_t count);

// The first cell, row by row, outside the domain of its part of the likelihood.
std::optional<BadCell> check_rows(const Dataset& data, const std::vector<LikelihoodPart>& parts);

// The parts of the likelihood receive their columns of the workspace's target, rows [first, first + count).
void share_target(const Model& model, Workspace& workspace, std::size_t first, std::size_t count);

// The condition alone.
void load_condition(const Model& model, Workspace& workspace, const Dataset& condition, const std::uint32_t* index,
                    std::size_t from, std::size_t first, std::size_t count);

}  // namespace aevb
