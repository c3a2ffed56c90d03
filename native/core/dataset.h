// Rows of numbers owned by the core. uint8 values stay uint8 and count as value / 255.
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

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  // Of the memory that this and its slices share.
  std::size_t bytes() const { return floats_ ? floats_->size() * sizeof(float) : bytes_->size(); }

  // Rows [from, to) of the same memory.
  Dataset slice(std::size_t from, std::size_t to) const;

  // The first cell outside the domain.
  std::optional<BadCell> check(Domain domain) const;

  // out[count, columns] = the rows index[0, count).
  void gather(Panels out, const std::uint32_t* index, std::size_t count, int = 0) const;
  // out[count, columns] = the rows first, first + 1, ...
  void copy(Panels out, std::size_t first, std::size_t count, int=0) const;

 private:
  Dataset() = default;

  std::size_t rows_ = 0, columns_ = 0, first_ = 0;
  std::shared_ptr<const std::vector<float>> floats_;  // one of the two
  std::shared_ptr<const std::vector<std::uint8_t>> bytes_;
};

}  // namespace aevb
