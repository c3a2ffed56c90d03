// Rows of numbers, owned by the core or borrowed for a while. uint8 values stay uint8 and count as value / 255.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "math/panels.h"

namespace aevb {

enum class Domain {
  real,  // finite
  unit,  // within [0, 1]
};

struct BadCell {
  std::size_t row, column;
  double value;
};

class Dataset {
 public:
  // Copies rows × columns values. A double too large for a float becomes infinite, which check() then finds.
  Dataset(const float* values, std::size_t rows, std::size_t columns);
  Dataset(const double* values, std::size_t rows, std::size_t columns);
  Dataset(const std::uint8_t* values, std::size_t rows, std::size_t columns);
  // The caller's memory, which must stay as it is while this or a slice of it is used.
  static Dataset borrow(const float* values, std::size_t rows, std::size_t columns);
  static Dataset borrow(const std::uint8_t* values, std::size_t rows, std::size_t columns);

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  // Of the memory that this and its slices share, unless it is borrowed.
  std::size_t bytes() const { return owned_bytes_; }

  // Rows [from, to) of the same memory.
  Dataset slice(std::size_t from, std::size_t to) const;

  // The first cell outside the domain.
  std::optional<BadCell> check(Domain domain) const;

  // out[count, columns] = the rows index[0, count).
  void gather(Panels out, const std::uint32_t* index, std::size_t count) const;
  // out[count, columns] = the rows first, first + 1, ...
  void copy(Panels out, std::size_t first, std::size_t count) const;

 private:
  Dataset(std::size_t rows, std::size_t columns) : rows_(rows), columns_(columns) {}

  std::size_t rows_, columns_, first_ = 0, owned_bytes_ = 0;
  std::shared_ptr<const float> floats_;  // one of the two
  std::shared_ptr<const std::uint8_t> bytes_;
};

}  // namespace aevb
