// Rows of numbers, owned by the core or borrowed for a call. uint8 values are stored as uint8; the reader says how
// they are converted.
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

// How bytes are converted.
constexpr Scale byte_scale(Domain domain) {
  return domain == Domain::real || domain == Domain::unit ? Scale::unit : Scale::integer;
}

struct BadCell {
  std::size_t row, column;
  double value;  // a byte's value as it is read in that domain
};

class Dataset {
 public:
  // Copies rows × columns values. A double too large for a float becomes infinite, and check() finds it.
  Dataset(const float* values, std::size_t rows, std::size_t columns);
  Dataset(const double* values, std::size_t rows, std::size_t columns);
  Dataset(const std::uint8_t* values, std::size_t rows, std::size_t columns);
  // The caller's memory, which must stay as it is while this or a slice of it is used.
  static Dataset borrow(const float* values, std::size_t rows, std::size_t columns);
  static Dataset borrow(const std::uint8_t* values, std::size_t rows, std::size_t columns);

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  // The size of the memory that this and its slices share, 0 if it is borrowed.
  std::size_t bytes() const { return owned_bytes_; }

  bool holds_bytes() const { return bytes_ != nullptr; }
  // out[count] = the cells [first, first + count) of one row. scale applies to bytes.
  void cells(float* out, std::size_t row, std::size_t first, std::size_t count, Scale scale) const;

  // The smallest and the largest double of a column whose doubles differ by less than the spacing of float32 at
  // their magnitude. Nothing for other columns, and if the rows came as floats.
  std::optional<std::pair<double, double>> rounded_range(std::size_t column) const;

  // Rows [from, to) of the same memory.
  Dataset slice(std::size_t from, std::size_t to) const;

  // The first cell outside the domain. classes: the number of classes of each variable, for oneHot and codes; they
  // must fit the columns (std::invalid_argument). In a one-hot group it is the first cell that is neither 0 nor 1,
  // or is a second 1; if the group has no 1, its first cell.
  std::optional<BadCell> check(Domain domain, std::span<const std::size_t> classes = {}) const;
  // The same for the columns [first, first + count) alone.
  // missing: NaN is a cell that is missing, which any domain but oneHot may have.
  std::optional<BadCell> check(Domain domain, std::span<const std::size_t> classes, std::size_t first,
                               std::size_t count, bool missing = false) const;

  // out[count, columns] = the rows index[0, count). scale applies to bytes; see byte_scale.
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
