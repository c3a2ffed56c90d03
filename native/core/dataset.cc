#include "dataset.h"

#include <cmath>
#include <limits>

#include "math/gather.h"

namespace aevb {

namespace {

template <typename Value, typename Source>
std::shared_ptr<const Value> copy_of(const Source* values, std::size_t count) {
  const auto copy = std::make_shared<const std::vector<Value>>(values, values + count);
  return {copy, copy->data()};
}

// Without an owner, so that nothing is counted or let go.
template <typename Value>
std::shared_ptr<const Value> borrowed(const Value* values) {
  return {std::shared_ptr<void>(), values};
}

}  // namespace

Dataset::Dataset(const float* values, std::size_t rows, std::size_t columns) : Dataset(rows, columns) {
  floats_ = copy_of<float>(values, rows * columns);
  owned_bytes_ = rows * columns * sizeof(float);
}

Dataset::Dataset(const double* values, std::size_t rows, std::size_t columns) : Dataset(rows, columns) {
  floats_ = copy_of<float>(values, rows * columns);
  owned_bytes_ = rows * columns * sizeof(float);
}

Dataset::Dataset(const std::uint8_t* values, std::size_t rows, std::size_t columns) : Dataset(rows, columns) {
  bytes_ = copy_of<std::uint8_t>(values, rows * columns);
  owned_bytes_ = rows * columns;
}

Dataset Dataset::borrow(const float* values, std::size_t rows, std::size_t columns) {
  Dataset data(rows, columns);
  data.floats_ = borrowed(values);
  return data;
}

Dataset Dataset::borrow(const std::uint8_t* values, std::size_t rows, std::size_t columns) {
  Dataset data(rows, columns);
  data.bytes_ = borrowed(values);
  return data;
}

Dataset Dataset::slice(std::size_t from, std::size_t to) const {
  Dataset part(*this);
  part.first_ = first_ + from;
  part.rows_ = to - from;
  return part;
}

std::optional<BadCell> Dataset::check(Domain domain) const {
  if (!floats_) return std::nullopt;  // every byte is in both domains
  const float* values = floats_.get() + first_ * columns_;
  for (std::size_t row = 0; row < rows_; ++row) {
    const float* cells = values + row * columns_;
    // Written so that the compiler can vectorise the row; the cell is looked for only where there is one.
    int good = 1;
    if (domain == Domain::unit) {
      for (std::size_t i = 0; i < columns_; ++i) {
        good &= static_cast<int>(cells[i] >= 0.0f) & static_cast<int>(cells[i] <= 1.0f);
      }
    } else {
      for (std::size_t i = 0; i < columns_; ++i) {
        good &= static_cast<int>(std::abs(cells[i]) <= std::numeric_limits<float>::max());
      }
    }
    if (good != 0) continue;
    for (std::size_t i = 0; i < columns_; ++i) {
      const bool cell_good = domain == Domain::unit ? cells[i] >= 0.0f && cells[i] <= 1.0f : std::isfinite(cells[i]);
      if (!cell_good) return BadCell{row, i, static_cast<double>(cells[i])};
    }
  }
  return std::nullopt;
}

void Dataset::gather(Panels out, const std::uint32_t* index, std::size_t count) const {
  if (bytes_) {
    gather_rows(out, bytes_.get() + first_ * columns_, index, count, columns_);
  } else {
    gather_rows(out, floats_.get() + first_ * columns_, index, count, columns_);
  }
}

void Dataset::copy(Panels out, std::size_t first, std::size_t count) const {
  if (bytes_) {
    gather_rows(out, bytes_.get() + (first_ + first) * columns_, nullptr, count, columns_);
  } else {
    gather_rows(out, floats_.get() + (first_ + first) * columns_, nullptr, count, columns_);
  }
}

}  // namespace aevb
