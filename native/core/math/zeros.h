// The positions of the zeros of a matrix of data or of a ReLU's output, so that products may skip those terms. The
// sums are exactly the same, because a term that is zero adds nothing. Four in five of MNIST's pixels are zero, and
// more than half of a trained model's hidden units.
//
// A term is skipped only if the whole group of rows (or columns) that a tile works on is zero. It then costs
// nothing: the kernel goes from one set bit to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/panels.h"

namespace aevb {

// Rows that share one word of the columns' table.
inline constexpr std::size_t ZEROS_RUN = 32;

// A view of the tables for some rows of x. Null pointers: no table, nothing is skipped.
struct Zeros {
  // word (panel, group of rows): bit k is set if one of the rows is not zero in column k of the panel
  const std::uint64_t* rows = nullptr;
  std::size_t rows_stride = 0;  // words from one panel to the next
  // word (panel and group of columns, run of rows): bit m is set if row m of the run is not zero in one of the
  // columns
  const std::uint64_t* columns = nullptr;
  std::size_t columns_stride = 0;  // words from one group to the next

  // The same table for the columns from panel `panel` on.
  Zeros from_panel(std::size_t panel, std::size_t width) const;
};

// The tables of a matrix x[rows, cols], filled some rows at a time. Empty with a CBLAS, which cannot skip terms, and
// for a matrix that does not fill a panel, for which skipping gains little.
class ZerosTable {
 public:
  ZerosTable() = default;
  // with_columns: also the table that multiply_transposed needs.
  ZerosTable(std::size_t rows, std::size_t cols, bool with_columns);
  // The memory of such a table in bytes.
  static double bytes(std::size_t rows, std::size_t cols, bool with_columns);

  // Scans rows [first, first + count) of x. With a columns' table `first` is a multiple of ZEROS_RUN. Different
  // threads may scan different rows. Returns the table for the product of these rows, or nothing if so few terms
  // are zero that skipping them would take longer.
  Zeros find(ConstPanels x, std::size_t first, std::size_t count);
  // The table for the product that sums over the first `rows` rows, all of which have been scanned. Nothing if the
  // product without a table is faster.
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
  std::vector<Share> of_columns_;  // one for each call of find(), in the entry of its first run
};

}  // namespace aevb
