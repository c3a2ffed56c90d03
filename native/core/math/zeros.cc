#include "math/zeros.h"

#include <algorithm>

#include "math/gemm.h"
#include "math/gemm_builtin.h"
#include "math/target.h"

namespace aevb {

namespace {

// The largest fraction of terms left for which a table is used: a term in a table takes longer than one in a dense
// tile.
constexpr double MOST_TERMS = 0.9;

bool pays(std::size_t terms, std::size_t all) {
  return static_cast<double>(terms) <= MOST_TERMS * static_cast<double>(all);
}

}  // namespace

Zeros Zeros::from_panel(std::size_t panel, std::size_t width) const {
  Zeros part = *this;
  if (rows != nullptr) part.rows += panel * rows_stride;
  if (columns != nullptr) part.columns += builtin_column_groups(panel * width) * columns_stride;
  return part;
}

ZerosTable::Sizes ZerosTable::sizes(std::size_t rows, std::size_t cols, bool with_columns) {
  if (active_gemm() != Gemm::builtin) return {};
  if (matrix_width(cols) < static_cast<std::size_t>(panel_width(active_target()))) return {};
  const std::size_t runs = (rows + ZEROS_RUN - 1) / ZEROS_RUN;
  // A word for each row is more than a word for each group, but lets every range of rows have its own words.
  const std::size_t words = panel_count(cols, matrix_width(cols)) * rows;
  if (!with_columns) return {words, 0, 0};
  return {words, builtin_column_groups(cols) * runs, runs};
}

double ZerosTable::bytes(std::size_t rows, std::size_t cols, bool with_columns) {
  const Sizes entries = sizes(rows, cols, with_columns);
  return static_cast<double>(sizeof(std::uint64_t)) *
             (static_cast<double>(entries.rows) + static_cast<double>(entries.columns)) +
         static_cast<double>(sizeof(Share)) * static_cast<double>(entries.of_columns);
}

ZerosTable::ZerosTable(std::size_t rows, std::size_t cols, bool with_columns) {
  const Sizes entries = sizes(rows, cols, with_columns);
  if (entries.rows == 0) return;
  rows_capacity_ = rows;
  cols_ = cols;
  runs_ = (rows + ZEROS_RUN - 1) / ZEROS_RUN;
  rows_.resize(entries.rows);
  columns_.resize(entries.columns);
  of_columns_.resize(entries.of_columns);
}

Zeros ZerosTable::find(ConstPanels x, std::size_t first, std::size_t count) {
  if (rows_.empty()) return {};
  const std::size_t run = first / ZEROS_RUN;
  std::uint64_t* columns = columns_.empty() ? nullptr : columns_.data() + run;
  const TermCounts terms =
      builtin_find_zeros(rows_.data() + first, rows_capacity_, columns, runs_, x.from_row(first), count, cols_);
  if (columns != nullptr) {
    std::fill_n(&of_columns_[run], (count + ZEROS_RUN - 1) / ZEROS_RUN, Share{});
    of_columns_[run] = {terms.of_columns, terms.all_of_columns};
  }
  if (!pays(terms.of_rows, terms.all_of_rows)) return {};
  return {rows_.data() + first, rows_capacity_, nullptr, 0};
}

Zeros ZerosTable::of_columns(std::size_t rows) const {
  if (columns_.empty()) return {};
  Share all;
  for (std::size_t run = 0; run * ZEROS_RUN < rows; ++run) {
    all.terms += of_columns_[run].terms;
    all.all += of_columns_[run].all;
  }
  if (!pays(all.terms, all.all)) return {};
  return {nullptr, 0, columns_.data(), runs_};
}

}  // namespace aevb
