#include "math/zeros.h"

#include "math/gemm.h"
#include "math/gemm_builtin.h"
#include "math/target.h"

namespace aevb {

Zeros Zeros::from_panel(std::size_t panel, std::size_t width) const {
  Zeros part = *this;
  if (rows != nullptr) part.rows += panel * rows_stride;
  if (columns != nullptr) part.columns += builtin_column_groups(panel * width) * columns_stride;
  return part;
}

ZerosTable::ZerosTable(std::size_t rows, std::size_t cols, bool with_columns) {
  if (active_gemm() != Gemm::builtin) return;
  if (matrix_width(cols) < static_cast<std::size_t>(panel_width(active_target()))) return;
  rows_capacity_ = rows;
  cols_ = cols;
  runs_ = (rows + ZEROS_RUN - 1) / ZEROS_RUN;
  // A word a row is more than a word a group, but lets every stretch of rows have its own words.
  rows_.resize(panel_count(cols, matrix_width(cols)) * rows);
  if (with_columns) columns_.resize(builtin_column_groups(cols) * runs_);
}

void ZerosTable::find(ConstPanels x, std::size_t first, std::size_t count) {
  if (rows_.empty()) return;
  builtin_find_zeros(rows_.data() + first, rows_capacity_,
                     columns_.empty() ? nullptr : columns_.data() + first / ZEROS_RUN, runs_, x.from_row(first), count,
                     cols_);
}

Zeros ZerosTable::of_rows(std::size_t first) const {
  if (rows_.empty()) return {};
  return {rows_.data() + first, rows_capacity_, nullptr, 0};
}

Zeros ZerosTable::of_columns() const {
  if (columns_.empty()) return {};
  return {nullptr, 0, columns_.data(), runs_};
}

}  // namespace aevb
