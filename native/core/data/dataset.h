// Rows of numbers, owned by the core or borrowed for a while. uint8 values stay uint8; what they
// count as is said where they are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "math/gather.h"
#include "spec/names.h"
#include "tensor/panels.h"

namespace aevb {

// What bytes count as.
constexpr Scale byte_scale(Domain domain) {
  return domain == Domain::real || domain == Domain::unit ? Scale::unit : Scale::integer;
}

struct BadCell {
  std::size_t row, column;
  double value;  // a byte's as it is read in that domain
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

  bool holds_bytes() const { return bytes_ != nullptr; }
  // out[count] = the cells [first, first + count) of one row. scale: of bytes.
  void cells(float* out, std::size_t row, std::size_t first, std::size_t count, Scale scale) const;

  // The smallest and the largest double of a column whose doubles differ by less than float32 tells apart at their
  // magnitude; nothing for other columns, and where the rows came as floats.
  std::optional<std::pair<double, double>> rounded_range(std::size_t column) const;

  // Rows [from, to) of the same memory.
  Dataset slice(std::size_t from, std::size_t to) const;

  // The first cell outside the domain. classes: of each variable, for oneHot and codes, whose columns they must fit
  // (std::invalid_argument). Of a one-hot group it is the first cell that is neither 0 nor 1, or is a second 1; where
  // there is no 1, the group's first.
  std::optional<BadCell> check(Domain domain, std::span<const std::size_t> classes = {}) const;

  // out[count, columns] = the rows index[0, count). scale: of bytes; see byte_scale.
  void gather(Panels out, const std::uint32_t* index, std::size_t count, Scale scale = Scale::unit) const;
  // out[count, columns] = the rows first, first + 1, ...
  void copy(Panels out, std::size_t first, std::size_t count, Scale scale = Scale::unit) const;

 private:
  Dataset(std::size_t rows, std::size_t columns) : rows_(rows), columns_(columns) {}

  std::size_t rows_, columns_, first_ = 0, owned_bytes_ = 0;
  std::shared_ptr<const float> floats_;  // one of the two
  std::shared_ptr<const std::uint8_t> bytes_;
  std::shared_ptr<const std::map<std::size_t, std::pair<double, double>>> rounded_;
};

}  // namespace aevb
