// The built-in matrix product. Operands are in panels of panel_width(active_target()) columns: see gemm.h for the
// shapes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "math/zeros.h"
#include "tensor/panels.h"

namespace aevb {

void builtin_multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                      bool accumulate, Zeros zeros = {}, const float* bias = nullptr);
void builtin_multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                                 bool accumulate, Zeros zeros = {});

// The terms of the two products that a table keeps, each counted as a whole group, and the number without a table.
struct TermCounts {
  std::size_t of_rows = 0, all_of_rows = 0;
  std::size_t of_columns = 0, all_of_columns = 0;
};

// Fills a table of zeros for x[R, C]; columns may be null. R is a number of whole runs, except for the last run.
TermCounts builtin_find_zeros(std::uint64_t* rows, std::size_t rows_stride, std::uint64_t* columns,
                              std::size_t columns_stride, ConstPanels x, std::size_t R, std::size_t C);

// The number of groups of columns in a table for C columns.
std::size_t builtin_column_groups(std::size_t C);

}  // namespace aevb
