// Where a matrix of data, or of what a ReLU put out, is zero, so that products may leave those terms out: the sums are
// exactly the same, for a term that is zero adds nothing. Of MNIST's pixels four in five are zero, and of a trained
// model's hidden units more than half.
//
// A term is left out only where the whole group of rows (or columns) that a tile works on is zero, and then costs
// nothing: the kernel goes from one set bit to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/panels.h"

namespace aevb {

// Rows that share one word of the columns' table.
inline constexpr std::size_t ZEROS_RUN = 32;

// A view of the tables for some rows of x. Null pointers: nothing is known, nothing left out.
struct Zeros {
  // word (panel, group of rows): bit k is set where one of the rows is not zero in column k of the panel
  const std::uint64_t* rows = nullptr;
  std::size_t rows_stride = 0;  // words from one panel to the next
  // word (panel and group of columns, run of rows): bit m is set where row m of the run is not zero in one of the
  // columns
  const std::uint64_t* columns = nullptr;
  std::size_t columns_stride = 0;  // words from one group to the next

  // The same table for the columns from panel `panel` on.
  Zeros from_panel(std::size_t panel, std::size_t width) const;
};

// The tables of a matrix x[rows, cols], filled some rows at a time. Empty with a CBLAS, which cannot leave terms out,
// and for a matrix that does not fill a panel, where there is little to win.
class ZerosTable {
 public:
  ZerosTable() = default;
  // with_columns: also what multiply_transposed needs.
  ZerosTable(std::size_t rows, std::size_t cols, bool with_columns);
  // What such a table takes.
  static double bytes(std::size_t rows, std::size_t cols, bool with_columns);

  // Looks at rows [first, first + count) of x. With a columns' table `first` is a multiple of ZEROS_RUN. Different rows
  // may be looked at by different threads. Returns what the product of these rows needs: nothing where so little is
  // zero that leaving it out would take longer.
  Zeros find(ConstPanels x, std::size_t first, std::size_t count);
  // For the product that sums over the first `rows` rows, all of which have been looked at. Nothing where that is
  // faster.
  Zeros of_columns(std::size_t rows) const;

 private:
  struct Share {
    std::size_t terms = 0, all = 0;
  };
  // Entries of rows_, columns_ and of_columns_.
  struct Sizes {
    std::size_t rows = 0, columns = 0, of_columns = 0;
  };
  static Sizes sizes(std::size_t rows, std::size_t cols, bool with_columns);

  std::size_t rows_capacity_ = 0, cols_ = 0, runs_ = 0;
  std::vector<std::uint64_t> rows_, columns_;
  std::vector<Share> of_columns_;  // of the rows that one call of find() began with, in the entry of their first run
};

}  // namespace aevb
